"""InfoShape, to be read beside chapters 3 and 4 of W. Wu's MEng thesis (MIT, September 2022).

X is the data, Z = T(X) the encoder's code, L the label. A statistics network T_theta scores pairs; ReMINE trains
it (Algorithm 2); the encoder then climbs down the Lagrangian of eq. (4.1) through the frozen networks.
Every function works on a stack of seeds: the leading axis of each tensor is the member.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from common.estimators.critic_fit import CriticFit, Objective
from common.losses.climb import RemineObjective
from common.losses.variational import donsker_varadhan
from common.models.stacked import StackedJointCritic, StackedMLP

Generators = Sequence[torch.Generator]


def encoder(generators: Generators) -> StackedMLP:
    """Return Table 3.3: 20 -> 10 tanh -> 3 tanh."""
    return StackedMLP([20, 10, 3], generators, activation="tanh", final="tanh")


def statistics_network(d_x: int, d_z: int, generators: Generators) -> StackedJointCritic:
    """Return Table 3.6: concatenated inputs -> 100 ReLU -> 100 ReLU -> 1."""
    return StackedJointCritic(d_x, d_z, [100, 100], generators, activation="relu")


class ReMINE(RemineObjective):
    """Algorithm 2's objective, eq. (3.4): E_P[T] - log E_Q[e^T] - d(log E_Q[e^T], C), d(a, C) = weight (a - C)^2.

    P are joint pairs of one batch, Q its marginal ones; C = 0 and weight 0.1 in section 3.4.3. The value of a fit is
    the mean of the first two terms over batches; Algorithm 2's window over e^T is not (D20).
    With ``ema`` the log partition's gradient has MINE's moving average (eq. (3.3), rate 0.01) as denominator, and
    the penalty flows through the same corrected term: the repository's reading (D5).
    """

    def __init__(self, weight: float = 0.1, target: float = 0.0, ema: bool = False) -> None:
        super().__init__(weight, target, rate=0.01 if ema else 1.0)


def lagrangian(
    leakage: Tensor,
    utility: Tensor | float,
    h_x: Tensor | float,
    h_l: Tensor | float,
    lambda_1: float = 1.0,
    lambda_2: float = 1.0,
) -> Tensor:
    """Return eq. (4.1): lambda_1 I(X;Z) / H(X) - lambda_2 I(Z;L) / H(L), per member.

    H(X) stands for the estimate of I(X;X) (section 4.1). The experiments that "raise lambda_2 against leakage"
    raise the weight of the leakage, which eq. (4.1) calls lambda_1 (D6).
    """
    return lambda_1 * leakage / h_x - lambda_2 * utility / h_l


def encoder_gradient(
    net: StackedMLP,
    x: Tensor,
    labels: Tensor,
    privacy: CriticFit,
    utility: CriticFit | None,
    weights: dict[str, Tensor | float],
    batches: int,
    generators: tuple[Generators, Generators],
    bounds: tuple[Objective, Objective] = (donsker_varadhan, donsker_varadhan),
) -> tuple[Tensor, Tensor]:
    """Put dL/d(encoder) of eq. (4.1) into the encoder's ``.grad``; return the mean I(X;Z) and I(Z;L) per member.

    Both estimates are means over ``batches`` extra batches (section 4.1) of the bound with frozen statistics
    networks; without ``utility`` the leakage is the only term (Figure 4-9). ``generators`` and ``bounds`` are the
    leakage's and the utility's: a bound that keeps a moving average must not see the other's scores.
    """
    z = net(x).float()
    leaf = z.detach().requires_grad_()
    leakages, utilities = [], []
    privacy_bounds = privacy.bounds(x, leaf, batches, generators[0], bounds[0])
    utility_bounds = utility.bounds(leaf, labels, batches, generators[1], bounds[1]) if utility else iter([])
    for leakage in privacy_bounds:
        gained = next(utility_bounds, torch.zeros_like(leakage))
        loss = lagrangian(leakage, gained, **weights)
        (loss.sum() / batches).backward(inputs=[leaf])
        leakages.append(leakage.detach())
        utilities.append(gained.detach())
    net.zero_grad(set_to_none=True)
    z.backward(leaf.grad)  # the chain rule's second half, once for all batches
    return torch.stack(leakages).mean(0), torch.stack(utilities).mean(0)
