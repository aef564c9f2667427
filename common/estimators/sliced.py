"""Sliced information (SI) of Chen et al. (arXiv:2302.10701): see ``common.losses.sliced`` for the solve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from common.estimators.base import Estimator, Unit
from common.estimators.optimiser import make_generator
from common.losses.sliced import Slices, fit_slices


@dataclass(frozen=True)
class Sliced(Estimator):
    """sup over slices and cubic features of the canonical correlation, scored on held-out rows, in [0, 1].

    A random 80 % of the rows fit ``slices`` random directions a side with powers to ``order`` and ``ridge``; the value
    is the fitted pair's |correlation| on the others. The value on the fitted rows, in
    ``additional_information["train"]``, tends to 1 on independent data once 3 S nears the rows: it is no estimate.
    Bias: low (few slices, cubic features), plus |.|, about 0.8 / sqrt(held-out rows) when independent. Cost:
    O(n m min(n, m)), m = order x slices.
    """

    unit: ClassVar[Unit] = "correlation"
    bias: ClassVar[str] = "low with few slices; high by 0.8/sqrt(held-out rows) when independent"

    slices: int = 200
    order: int = 3
    ridge: float = 1e-3
    held_out: float = 0.2
    seed: int = 0
    device: str = "cpu"

    def _estimate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, Any]]:
        if len(x) < 10:
            raise ValueError(f"sliced needs at least 10 rows to hold some out, got {len(x)}")
        generator = make_generator(self.seed)
        order = torch.randperm(len(x), generator=generator).to(self.device)
        left, right = (torch.as_tensor(v, device=self.device)[order] for v in (x, y))
        train = len(x) - max(2, int(self.held_out * len(x)))
        fitted = fit_slices(left[:train], right[:train], self.slices, generator, self.order, self.ridge)
        known, held = (_correlation(fitted, left[part], right[part]) for part in (slice(train), slice(train, None)))
        return min(held, 1.0), {"train": known, "canonical_value": fitted.canonical.value.item()}


def _correlation(fitted: Slices, x: torch.Tensor, y: torch.Tensor) -> float:
    """Return |correlation| of the fitted pair on rows x (n, d_x), y (n, d_y).

    The loss is the authors' mean of products over n of scores whose deviations are over n - 1, and short by that.
    """
    return fitted.correlation(x, y).item() * len(x) / (len(x) - 1)
