"""Features in units of their principal directions: what whoever holds them can do before reading them.

An attacker that reads features as they come, or each in units of its own spread, sees little of what lies in directions
of small variance, and some removals leave their secret just there. A linear map undoes that and hides nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEAST = 1e-9  # of the mean variance: what lies below is rounding, and stays as small as it is


def decorrelated(known: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    """Return each of ``others`` (..., n, d) in units of the principal directions of ``known`` (..., m, d), in float32.

    Leading axes are members, each with its own directions. Where every row of ``known`` is the same, ``others`` come
    back as their distance from it. Means and directions are found in float64.
    """
    rows = known.double()
    mean = rows.mean(-2, keepdim=True)
    spread, axes = torch.linalg.eigh((rows - mean).mT @ (rows - mean) / rows.shape[-2])
    least = LEAST * spread.mean(-1, keepdim=True)
    scale = torch.where(spread.amax(-1, keepdim=True) > 0, spread.clamp(min=least), torch.ones_like(spread)).sqrt()
    turn = axes / scale[..., None, :]
    return tuple(((other.double() - mean) @ turn).float() for other in others)
