"""Curves over seeds: each run in a light colour, their smoothed mean in a dark one, a band of one sd."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

Series = Sequence[float | None]


def smooth(values: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Return the exponential moving average along the last axis: s <- factor s + (1 - factor) v; gaps stay gaps."""
    out = np.array(values, dtype=float)
    for i in range(1, out.shape[-1]):
        previous, now = out[..., i - 1], out[..., i]
        mixed = factor * previous + (1 - factor) * now
        out[..., i] = np.where(np.isfinite(previous), mixed, now)
    return out


def curves(axes: Axes, runs: Sequence[Series]) -> None:
    """Draw charts of several seeds: raw values light, mean of the smoothed (0.6) ones dark, band = sd over seeds."""
    values = np.array([[np.nan if v is None else v for v in run] for run in runs], dtype=float)
    x = np.arange(1, values.shape[1] + 1)
    for run in values:
        axes.plot(x, run, color="C0", alpha=0.22, linewidth=0.6)
    band(axes, x, smooth(values, 0.6))


def band(axes: Axes, x: NDArray, values: NDArray[np.float64], color: str = "C0", label: str = "") -> None:
    """Draw the mean of ``values (seeds, points)`` with a band of one standard deviation over seeds."""
    mean = values.mean(0)
    axes.plot(x, mean, color=color, label=label or None)
    if len(values) > 1:
        sd = values.std(0, ddof=1)
        axes.fill_between(x, mean - sd, mean + sd, color=color, alpha=0.18, linewidth=0)
