"""ReMINE's and MINE's objectives with their slopes in closed form: no graph for a step of a few hundred scores.

With L = log E_Q[e^T] and s_j = e^{T_j} / sum e^T the objective E_P[T] - L - w (L - t)^2 has the slopes 1/n on joint
scores and -(1 + 2 w (L - t)) s_j on marginal ones. MINE's moving average m replaces the denominator of dL, which
multiplies the latter by E_Q[e^T] / m. A test holds both to autograd's.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from common.losses.variational import mine, remine


class RemineObjective:
    """ReMINE's objective per member, as a function of scores and as a climb; state is the moving average, if any.

    ``rate`` < 1 gives the gradient of the log partition MINE's moving average as denominator.
    """

    def __init__(self, weight: float = 0.1, target: float = 0.0, rate: float = 1.0) -> None:
        self.weight, self.target, self.rate = weight, target, rate
        self.log_average: Tensor | None = None

    def __call__(self, joint: Tensor, marginal: Tensor) -> Tensor:
        """Return the objective of scores ``(members, n)`` for autograd; moves the average on."""
        if self.rate == 1:
            return remine(joint, marginal, self.weight, self.target)
        bound, self.log_average = mine(joint, marginal, self.log_average, self.rate)
        return bound - self.weight * (joint.mean(-1) - bound - self.target).square()

    def climb(self, scores: Tensor, joint: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return bound, objective (members,) and slopes of the first ``joint`` and the other scores (members, rows)."""
        bound = scores[:, :joint].mean(-1)
        slopes = torch.empty_like(scores)
        slopes[:, :joint] = 1 / joint
        marginal, shares = scores[:, joint:], slopes[:, joint:]
        top = marginal.amax(-1, keepdim=True)
        total = torch.sub(marginal, top, out=shares).exp_().sum(-1, keepdim=True)  # within [1, n]: no overflow
        partition = (total.log() + top).squeeze(-1) - math.log(marginal.shape[1])
        drift = partition - self.target
        factor = drift * (-2 * self.weight) - 1
        if self.rate < 1:
            self.log_average = self._moved(partition)
            factor *= (partition - self.log_average).exp()
        shares.mul_(factor[:, None] / total)
        bound -= partition
        return bound, bound - self.weight * drift.square(), slopes

    def _moved(self, partition: Tensor) -> Tensor:
        if self.log_average is None:
            return partition
        return torch.logaddexp(self.log_average + math.log1p(-self.rate), partition + math.log(self.rate))

    def state_dict(self) -> dict[str, Tensor]:
        """Return the moving average, where there is one."""
        return {} if self.log_average is None else {"log_average": self.log_average}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up the moving average."""
        self.log_average = state.get("log_average")
