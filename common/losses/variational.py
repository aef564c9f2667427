"""Variational lower bounds on mutual information as pure functions of critic scores, in nats.

``joint`` holds scores T(x, y) of pairs from P_XY, ``marginal`` scores of pairs from P_X x P_Y; the last axis is
the sample and is reduced, leading axes (members of a stack) are kept. Everything stays in log space, so that
scores of a hundred and more neither overflow nor lose the gradient.

Sources: Belghazi et al., MINE (arXiv:1801.04062); Choi & Lee, Regularized MINE (arXiv:2011.07932).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def log_mean_exp(scores: Tensor) -> Tensor:
    """Return log E[e^T] of scores (..., n) over the last axis, computed with the maximum taken out."""
    return torch.logsumexp(scores, -1) - math.log(scores.shape[-1])


def donsker_varadhan(joint: Tensor, marginal: Tensor) -> Tensor:
    """Return E_P[T] - log E_Q[e^T] in nats of scores (..., n) of joint and of product pairs.

    Bias: a lower bound in the population; on a sample it can exceed the truth, and its variance grows like
    e^MI / n. Invariant to adding a constant to T.
    """
    return joint.mean(-1) - log_mean_exp(marginal)


def remine(joint: Tensor, marginal: Tensor, weight: float = 0.1, target: float = 0.0) -> Tensor:
    """Return ReMINE's objective: Donsker-Varadhan - ``weight`` (log E_Q[e^T] - ``target``)^2.

    The penalty picks one critic out of the family T + c: its optimum is T* = log dP/dQ + ``target``, where the
    penalty is zero and the value is the mutual information.
    """
    partition = log_mean_exp(marginal)
    return joint.mean(-1) - partition - weight * (partition - target).square()


def mine(joint: Tensor, marginal: Tensor, log_average: Tensor | None, rate: float = 0.01) -> tuple[Tensor, Tensor]:
    """Return MINE's objective and the new moving average of E_Q[e^T], kept as its logarithm.

    The value is Donsker-Varadhan's; the gradient is E_P[dT] - E_Q[e^T dT] / average, whose denominator is the
    moving average (rate 1 gives the plain gradient). ``log_average`` is ``None`` on the first step.
    """
    partition = log_mean_exp(marginal)
    now = partition.detach()
    if log_average is None:
        average = now
    else:
        average = torch.logaddexp(log_average + math.log1p(-rate), now + math.log(rate)) if rate < 1 else now
    # d partition = E_Q[e^T dT] / E_Q[e^T]; the factor E_Q[e^T] / average turns its denominator into the average.
    corrected = now + (now - average).exp() * (partition - now)
    return joint.mean(-1) - corrected, average
