"""The staircase: 20-d pairs whose information rises 2, 4, 6, 8, 10 nats, 4,000 steps of 64 fresh rows on each stair.

Source: Poole et al. (arXiv:1905.06922) and Song & Ermon (arXiv:1910.06222), Gaussian and cubed. Every batch is valued
before it is trained on; the error of a stair is the mean squared error of its last 1,000 values.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

STAIRS = (2.0, 4.0, 6.0, 8.0, 10.0)
# Found on this staircase: a faster rate passes the truth on high stairs, where the clip errs high.
SETTINGS = {"critic": "hybrid", "hidden": (256,), "lr": 5e-4}
STEPS, BATCH, DIMENSION, JUDGED = 4000, 64, 20, 1000


def make_draw(cubic: bool, seed: int) -> Callable[[int], tuple[Tensor, Tensor]]:
    """Return the sampler of the staircase: step to (x, y), y cubed entry by entry where ``cubic``."""
    generator = torch.Generator().manual_seed(seed)

    def draw(step: int) -> tuple[Tensor, Tensor]:
        information = STAIRS[step // STEPS]
        rho = math.sqrt(-math.expm1(-2 * information / DIMENSION))
        x, noise = torch.randn(2, BATCH, DIMENSION, generator=generator)
        y = rho * x + math.sqrt(1 - rho * rho) * noise
        return x, y**3 if cubic else y

    return draw


def judge(values: np.ndarray, seconds: float) -> dict[str, float]:
    """Return the mean squared error over stairs, its parts, and seconds per 4,000 steps."""
    late = values.reshape(len(STAIRS), STEPS)[:, -JUDGED:]
    truth = np.array(STAIRS)[:, None]
    return {
        "mse": float(((late - truth) ** 2).mean()),
        "bias": float((late.mean(1) - truth[:, 0]).mean()),
        "variance": float(late.var(1).mean()),
        "seconds": seconds / len(STAIRS),
    } | {f"at_{stair:g}": float(value) for stair, value in zip(STAIRS, late.mean(1), strict=True)}


def climb_ours(name: str, cubic: bool, seed: int = 0, **settings: object) -> dict[str, float]:
    """Run one of our neural estimators up the staircase."""
    from common.estimators import create

    start = time.process_time()
    values = create(name, seed=seed, **settings).stream(make_draw(cubic, seed), STEPS * len(STAIRS))  # type: ignore[attr-defined]
    return judge(values, time.process_time() - start)
