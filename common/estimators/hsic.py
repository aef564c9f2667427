"""Kernel dependence as a correlation: normalised Hilbert-Schmidt independence criterion (see ``common.losses.hsic``).

Sources: Gretton et al. 2005; Cortes, Mohri & Rostamizadeh, *Algorithms for learning kernels based on centered
alignment* (arXiv:1203.0550) for the normalisation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from common.estimators.base import Estimator, Unit
from common.estimators.transforms import standardise
from common.losses.hsic import gaussian_kernel, hsic_alignment


@dataclass(frozen=True)
class HSIC(Estimator):
    """sqrt(max(0, HSIC_1(K, L) / sqrt(HSIC_1(K, K) HSIC_1(L, L)))), Gaussian kernels of median bandwidth, in [0, 1].

    0 exactly under independence (in the population). More than ``max_rows`` rows are thinned at random with
    ``seed``. Bias: depends on the bandwidth; the root of the positive part is slightly high when independent. Cost:
    O(m^2 (d_x + d_y)) time and memory, m = min(n, max_rows).
    """

    unit: ClassVar[Unit] = "correlation"
    bias: ClassVar[str] = "depends on the kernel's bandwidth; slightly high when independent"

    max_rows: int = 2000
    seed: int = 0
    device: str = "cpu"

    def _estimate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, Any]]:
        rows = np.random.default_rng(self.seed).permutation(len(x))[: self.max_rows]
        kernels = [gaussian_kernel(torch.as_tensor(standardise(v)[rows], device=self.device)) for v in (x, y)]
        squared = hsic_alignment(*kernels).item()
        return math.sqrt(min(max(squared, 0.0), 1.0)), {"squared": squared, "rows": len(rows)}
