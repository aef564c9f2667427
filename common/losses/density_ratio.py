"""Variational objectives and bounds whose critic is a log density ratio, as pure functions of scores, in nats.

``joint`` holds T(x, y) for pairs from P_XY, ``marginal`` for pairs from P_X x P_Y; the last axis is the sample and is
reduced, leading axes are kept.

Sources: Nguyen, Wainwright & Jordan (arXiv:0809.0853); Barber & Agakov and Poole et al. (arXiv:1905.06922) for TUBA;
Nowozin et al., f-GAN (arXiv:1606.00709) for the Jensen-Shannon form; Song & Ermon, SMILE (arXiv:1910.06222).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from common.losses.variational import log_mean_exp


def nwj(joint: Tensor, marginal: Tensor) -> Tensor:
    """Return E_P[T] - E_Q[e^(T - 1)].

    Bias: a lower bound in expectation, also on a sample; its variance grows like e^MI / n. Optimum T* = 1 + log ratio
    (at T = log ratio the value is MI - 1/e). Leaves the range of fp32 at scores near 90: clamp nothing, watch for it.
    """
    return joint.mean(-1) - (log_mean_exp(marginal) - 1).exp()


def tuba(joint: Tensor, marginal: Tensor, log_joint: Tensor, log_marginal: Tensor) -> Tensor:
    """Return 1 + E_P[T - ln a(x)] - E_Q[e^T / a(x)], the baseline a learned: NWJ is ln a = 1.

    ``log_joint`` and ``log_marginal`` are ln a at the x of each joint and marginal pair. Bias and variance as NWJ's;
    tight at T* = log ratio + ln a for any a.
    """
    return 1 + (joint - log_joint).mean(-1) - log_mean_exp(marginal - log_marginal).exp()


def jensen_shannon(joint: Tensor, marginal: Tensor) -> Tensor:
    """Return E_P[-softplus(-T)] - E_Q[softplus(T)], to be maximised; optimum T* = log ratio.

    Twice-Jensen-Shannon less 2 ln 2: at most 0, and -2 ln 2 when independent. Not an estimate of information, but a
    training objective whose gradient stays bounded however strong the dependence.
    """
    return -softplus(-joint).mean(-1) - softplus(marginal).mean(-1)


def ratio_information(joint: Tensor) -> Tensor:
    """Return E_P[T] of scores (..., n) of a critic trained to the log ratio: exact at the optimum, no bound off it."""
    return joint.mean(-1)


def smile(joint: Tensor, marginal: Tensor, clip: float = 5.0) -> Tensor:
    """Return E_P[T] - log E_Q[e^clamp(T, -clip, clip)]; ``clip`` = inf gives Donsker-Varadhan.

    Bias: the clamp takes mass out of the partition, so the value is no bound and errs high where the ratio leaves the
    window, in exchange for a variance of at most e^(2 clip) / n. Its gradient is not for training: train the critic
    with :func:`jensen_shannon`.
    """
    return joint.mean(-1) - log_mean_exp(marginal.clamp(-clip, clip) if clip < torch.inf else marginal)
