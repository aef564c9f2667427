"""Curves over seeds: each run in a light colour, their smoothed mean in a dark one, a band of one sd."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

Series = Sequence[float | None]
SMOOTHING = 0.6


def smooth(values: NDArray[np.float64], factor: float = SMOOTHING) -> NDArray[np.float64]:
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
    band(axes, x, smooth(values))


def band(
    axes: Axes,
    x: NDArray,
    values: NDArray[np.float64],
    color: str = "C0",
    label: str = "",
    limits: tuple[float, float] = (-math.inf, math.inf),
    **style: Any,
) -> None:
    """Draw the mean of ``values (seeds, points)`` with a band of one standard deviation over seeds.

    ``limits`` are those of the quantity itself: a mean and its sd know nothing of a share that ends at one. ``style``
    is the line's.
    """
    mean = values.mean(0)
    axes.plot(x, mean, color=color, label=label or None, **style)
    if len(values) > 1:
        sd = values.std(0, ddof=1)
        low, high = (np.clip(edge, *limits) for edge in (mean - sd, mean + sd))
        axes.fill_between(x, low, high, color=color, alpha=0.18, linewidth=0)


def in_words(seeds: int, light: bool = False, smoothed: bool = False, within: str = "") -> str:
    """Return the note on what ``curves`` and ``band`` draw of so many seeds; one seed has no band.

    ``light``: the single runs are drawn too; ``smoothed``: the dark line is that of their moving averages;
    ``within``: the limits that the band is cut to.
    """
    words = []
    if light and (smoothed or seeds > 1):
        words.append("light: single seeds" if seeds > 1 else "light: single values")
    if smoothed:
        words.append(f"dark: {'mean of their moving averages' if seeds > 1 else 'moving average'} ({SMOOTHING})")
    if seeds > 1:
        words.append("band: mean ± sd over seeds" + (f" within {within}" if within else ""))
    return ", ".join(words)
