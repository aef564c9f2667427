"""Cross-entropy of a stack of classifiers, one value per member, with its gradient in closed form."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from common.losses.once import first_slope_only


def stacked_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy (members,) in nats of ``logits (members, rows, classes)``, in fp32 at the least.

    ``labels (members, rows)`` are class numbers. Not differentiable a second time (``RuntimeError``).
    """
    if labels.shape != logits.shape[:2]:
        raise ValueError(f"one label per row: logits {tuple(logits.shape)}, labels {tuple(labels.shape)}")
    return _CrossEntropy.apply(logits if logits.dtype.itemsize >= 4 else logits.float(), labels)


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor) -> Tensor:
        log_p = torch.log_softmax(logits, -1)
        ctx.save_for_backward(log_p, labels)
        return log_p.gather(-1, labels[..., None]).squeeze(-1).mean(-1).neg_()

    @staticmethod
    @first_slope_only
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor, None]:
        log_p, labels = ctx.saved_tensors
        p = log_p.exp()
        p.scatter_add_(-1, labels[..., None], p.new_full((1, 1, 1), -1.0).expand(*labels.shape, 1))
        return p.mul_((slopes / labels.shape[1])[:, None, None]), None
