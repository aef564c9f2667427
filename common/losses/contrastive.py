"""Variational bounds as functions of a score matrix: every row of a batch paired with every other, in nats.

``scores`` is (..., K, K), entry (i, j) = T(x_i, y_j): the diagonal holds the K joint pairs, the rest K (K - 1) pairs
from the product of the marginals. Leading axes (members of a stack) are kept. Everything stays in log space.

Sources: van den Oord et al., CPC (arXiv:1807.03748); Poole et al., *On variational bounds of mutual information*
(arXiv:1905.06922); Donsker & Varadhan by Belghazi et al. (arXiv:1801.04062).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from common.losses.once import first_slope_only


def joint_scores(scores: Tensor) -> Tensor:
    """Return the K joint scores (..., K) of a matrix."""
    return scores.diagonal(dim1=-2, dim2=-1)


def marginal_scores(scores: Tensor) -> Tensor:
    """Return the K (K - 1) scores off the diagonal, (..., K (K - 1))."""
    size = scores.shape[-1]
    # Dropping the first entry and folding at width K + 1 puts the diagonal into the last column.
    flat = scores.flatten(-2)[..., 1:].unflatten(-1, (size - 1, size + 1))
    return flat[..., :-1].flatten(-2)


def infonce(scores: Tensor) -> Tensor:
    """Return mean_i [T_ii - log mean_j e^T_ij] of score matrices (..., K, K).

    Bias: a lower bound in expectation, and never above log K whatever the scores. Low variance.
    """
    size = scores.shape[-1]
    return (joint_scores(scores) - torch.logsumexp(scores, -1)).mean(-1) + math.log(size)


def interpolated(scores: Tensor, log_baseline: Tensor, alpha: float) -> Tensor:
    """Return I_alpha, between NWJ (alpha -> 0 with the learned baseline) and InfoNCE (alpha = 1).

    With m_i the mean of e^T_ij over the candidates j of row i (all K under E_P, the K - 1 that are not its partner
    under E_Q) and the mixture alpha m + (1 - alpha) e^baseline: 1 + E_P[T - log mixture] - E_Q[e^T / mixture].
    ``scores`` (..., K, K), ``log_baseline`` (..., K) scores each row x_i. Bias: a lower bound, at most log(K / alpha)
    up to one nat's slack of sampling; larger alpha trades bias for variance. Raises ValueError for an alpha outside
    (0, 1].
    """
    if not 0 < alpha <= 1:
        raise ValueError(f"alpha must lie in (0, 1], got {alpha}")
    size = scores.shape[-1]
    log_a = math.log(alpha)
    log_b = math.log1p(-alpha) if alpha < 1 else -math.inf
    # The joint pair (i, i): its own mean over all K candidates of row i, itself among them.
    mixture_joint = torch.logaddexp(log_a + torch.logsumexp(scores, -1) - math.log(size), log_b + log_baseline)
    # A marginal pair (i, j): the critic's mean for row i over the K - 1 candidates that are not its partner, of
    # which j is one, so that numerator and mixture see the same samples and e^T / mixture stays below (K-1)/alpha.
    off = _without_diagonal(scores)
    mixture_off = torch.logaddexp(log_a + torch.logsumexp(off, -1) - math.log(size - 1), log_b + log_baseline)
    ratio = (torch.logsumexp(off, -1) - math.log(size - 1) - mixture_off).exp()
    return 1 + (joint_scores(scores) - mixture_joint).mean(-1) - ratio.mean(-1)


def _without_diagonal(scores: Tensor) -> Tensor:
    size = scores.shape[-1]
    mask = torch.eye(size, dtype=torch.bool, device=scores.device)
    return scores.masked_fill(mask, -math.inf)


def donsker_varadhan_matrix(scores: Tensor) -> Tensor:
    """Return mean_i T_ii - log mean_{i != j} e^T_ij: Donsker-Varadhan with all K (K - 1) product pairs.

    Equal to ``donsker_varadhan(joint_scores(scores), marginal_scores(scores))``, at a quarter of its cost. Not
    differentiable a second time (``RuntimeError``): take that form where a slope's slope is wanted.
    """
    return _DonskerVaradhanMatrix.apply(scores)


class _DonskerVaradhanMatrix(torch.autograd.Function):
    """The bound with its gradient written out: 1/K on the diagonal, minus the softmax off it."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor) -> Tensor:
        size = scores.shape[-1]
        joint = joint_scores(scores).mean(-1)
        weights = scores.clone()
        weights.diagonal(dim1=-2, dim2=-1).fill_(-math.inf)
        peak = weights.amax((-2, -1), keepdim=True)
        weights.sub_(peak).exp_()
        total = weights.sum((-2, -1), keepdim=True)
        ctx.save_for_backward(weights, total)
        return joint - (peak + total.log())[..., 0, 0] + math.log(size * (size - 1))

    @staticmethod
    @first_slope_only
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        weights, total = ctx.saved_tensors
        out = weights * (-grad[..., None, None] / total)
        out.diagonal(dim1=-2, dim2=-1).copy_((grad / weights.shape[-1])[..., None].expand(out.shape[:-1]))
        return out
