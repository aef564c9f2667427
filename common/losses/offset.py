"""What is to come off rows whose values lie far from zero, so that fp32 squares keep the digits they are asked for."""

from __future__ import annotations

import torch
from torch import Tensor

_FAR = 8.0  # deviations from zero: nearer, a square less another loses 6 bits at the most


def far_offset(x: Tensor, jointly: bool = True) -> Tensor:
    """Return the column means (..., 1, d) of rows x (..., n, d) where these lie far from zero, else zeros; no gradient.

    Far is more than eight deviations: of all columns together, as a distance sees them, or, with ``jointly`` false, of
    each column. For functions that no shift changes: near zero they keep every bit, far from it they keep their digits.
    """
    x = x.detach()
    mean = x.mean(-2, keepdim=True)
    distance, spread = mean.square(), (x - mean).square().mean(-2, keepdim=True)
    if jointly:
        distance, spread = distance.sum(-1, keepdim=True), spread.sum(-1, keepdim=True)
    return torch.where(distance > _FAR**2 * spread, mean, 0.0)
