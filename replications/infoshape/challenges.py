"""Figures 3-3 and 3-4 from records: plain MINE's failures on MNIST, and the staircase of estimators."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from common.plotting import SMOOTHING, band, figure, finish, in_words, smooth
from common.results import Record
from common.results.select import of

STUCK = 0.05  # nats: below it a run counts as not having left zero
NAMES = {
    "dv": "DV",
    "mine": "MINE",
    "nwj": "NWJ",
    "infonce": "InfoNCE",
    "smile": "SMILE",
    "remine": "ReMINE",
    "interpolated": "I_alpha (ours)",
}


def curve(record: Record) -> NDArray[np.float64]:
    """Return a run's estimates, NaN where it was lost."""
    return np.array([np.nan if v is None else v for v in record.series["values"]], dtype=float)


def thinned(record: Record) -> int:
    """Return of how many estimates a run's series keeps one."""
    return round(record.params["iterations"] / len(record.series["values"]))


def noise(record: Record) -> float:
    """Return the late standard deviation against the late mean, of runs that left zero."""
    mean = record.metrics.get("late_mean", 0.0)
    return record.metrics["late_sd"] / mean if mean > STUCK else -math.inf


def converged(record: Record) -> bool:
    """Return whether a run left zero and stayed away from it: one that collapses late is another failure."""
    return noise(record) > 0 and record.metrics.get("late_lowest", -math.inf) > 0


def spike(record: Record) -> float:
    """Return the largest jump against the median of the iterations around it."""
    return record.metrics.get("spike", -math.inf)


def largest_jump(axes: Axes, record: Record, marked: bool) -> str:
    """Return what the title says of a run's largest jump; where it is ``marked``, a triangle at the top shows when."""
    words = f"largest jump {spike(record):.3g} nats"
    if not marked:
        return words
    at = record.metrics["spike_at"]
    axes.plot([at], [0.97], "v", markersize=5, color="k", transform=axes.get_xaxis_transform())
    return f"{words}, at iteration {at:.0f}"


def panel(axes: Axes, record: Record, letter: str, what: str, happened: bool) -> None:
    """Draw one run: the estimates on record light, their moving average (0.6) dark, triangles where not finite.

    Iterations are counted from 0, as the metrics of a record count them.

    A long run keeps one estimate of several. The extremes of all of them are among its metrics: dotted, since a spike
    between two kept estimates is what the figure is about.
    """
    values = curve(record)
    x = (np.arange(len(values)) + 1) * record.params["iterations"] / len(values) - 1
    axes.plot(x, values, color="C0", alpha=0.3, linewidth=0.6)
    axes.plot(x, smooth(values), color="C0")
    extremes = [record.metrics[k] for k in ("lowest", "highest") if k in record.metrics and thinned(record) > 1]
    for value in extremes:
        axes.axhline(value, color="C0", linestyle=":", linewidth=0.9)
    lost = ~np.isfinite(values)
    if lost.any():
        axes.plot(
            x[lost], np.full(lost.sum(), 0.02), "v", markersize=3, color="C3", transform=axes.get_xaxis_transform()
        )
        axes.set_xlim(0, record.params["iterations"])
    low, high = np.nanmin([*values, *extremes]), np.nanmax([*values, *extremes])
    if high - low < 0.2:  # a run that stays at zero must look like one
        axes.set_ylim(low - 0.2, high + 0.2)
    p = record.params
    outcome = what if happened else f"not seen here: {what}"
    axes.set_title(
        f"({letter}) {outcome}\n{p['network']} nets, seed {record.seed}, batch {p['batch']}, lr {p['lr']:g}", fontsize=8
    )
    axes.set_xlabel("MINE iteration")


def failures(records: Sequence[Record], title: str) -> Figure:
    """Draw Figure 3-3: of all seeds, the run that shows each failure most; the title of a panel says if none does."""
    conv = of(records, "failures", "conv")
    level = {r.seed: r.metrics.get("late_mean", math.inf) for r in conv}
    stuck = min(conv, key=lambda r: abs(level[r.seed]))
    noisy = max([r for r in conv if converged(r)] or conv, key=noise)
    every = [r for v in ("dense", "dense_warm", "dense_hot") for r in of(records, "failures", v)]
    spiky = max([r for r in every if not r.metrics["lost"]] or every, key=spike)
    # The latest loss shows most of the curve before it; a run that was never lost only where none was.
    gone = [r for r in every if r.metrics["lost"]]
    lost = max(gone or every, key=lambda r: r.metrics["last_finite"])
    fig, panels = figure(4, width=2.9, share_y=False)
    panel(panels[0], stuck, "a", "stuck at zero", abs(level[stuck.seed]) < STUCK)
    found = f"late sd {noise(noisy):.0%} of the mean" if noise(noisy) > 0 else "converges, high variance"
    panel(panels[1], noisy, "b", found, noise(noisy) > 0.1)
    far = spike(spiky) > 5 * spiky.metrics.get("late_sd", math.inf)
    marked = far and "spike_at" in spiky.metrics  # an older record does not say when
    panel(panels[2], spiky, "c", largest_jump(panels[2], spiky, marked), far)
    where = f"not finite from iteration {lost.metrics['last_finite']:.0f} on" if gone else "ends in NaN"
    panel(panels[3], lost, "d", where, bool(gone))
    panels[0].set_ylabel("estimate of I(X;Z) (nats)")
    note = "runs chosen among all seeds because they show the failure; the table `failures` counts over all"
    return finish(fig, title, records, drawn_of([stuck, noisy, spiky, lost], marked), note, lost_too=True)


def drawn_of(shown: Sequence[Record], marked: bool) -> str:
    """Return what the panels draw of each run, and what a jump is measured from; ``marked``: the largest one is."""
    every = max(map(thinned, shown))
    light = f"one estimate in {every}" if every > 1 else "every estimate"
    words = [f"light: {light}", f"dark: moving average ({SMOOTHING}) of these"]
    words += ["dotted: lowest and highest of all"] if every > 1 else []
    words += ["pink triangles: not finite"] if any(r.metrics["lost"] for r in shown) else []
    return f"{', '.join(words)}; jump: from the median around it" + (", black triangle: the largest" if marked else "")


def staircase(records: Sequence[Record], title: str) -> Figure:
    """Draw Figure 3-4: one panel per estimator, single batches light, block means dark, truth and limits dotted."""
    p = records[0].params
    cut = (-1.0, 1.5 * max(p["information"]))
    leaving = []
    fig, panels = figure(len(p["estimators"]), width=1.75, height=2.9)
    for axes, name in zip(panels, p["estimators"], strict=True):
        blocks = np.array([r.series[f"{name}_means"] for r in records], dtype=float)
        raw = np.array(records[0].series[f"{name}_values"], dtype=float)
        x = (np.arange(blocks.shape[1]) + 1) * p["shown_every"]
        axes.plot(x, raw, color="C0", alpha=0.25, linewidth=0.4)
        band(axes, x, smooth(blocks))
        drawn = np.concatenate([raw, smooth(blocks).mean(0)])
        if np.nanmin(drawn) < cut[0] or np.nanmax(drawn) > cut[1]:
            leaving.append(NAMES[name])
        axes.step(
            x, np.repeat(p["information"], len(x) // len(p["information"])), color="k", linestyle=":", linewidth=1
        )
        limit = {"infonce": math.log(p["batch"]), "interpolated": math.log(p["batch"] / p["alpha"])}.get(name)
        if limit is not None:
            axes.axhline(limit, color="C3", linestyle=":", linewidth=1)
            text = "ln K" if name == "infonce" else "ln(K/α)"
            axes.annotate(text, (0.02, limit), xycoords=("axes fraction", "data"), va="bottom", fontsize=7, color="C3")
        axes.set_title(NAMES[name], fontsize=8)
        axes.tick_params(axis="x", labelsize=6)
        axes.set_ylim(*cut)
    panels[0].set_ylabel("I(x;y) (nats)")
    panels[len(panels) // 2].set_xlabel(f"iteration (batches of {p['batch']})")
    note = "dotted: truth (black) and the estimator's own limit (pink; I_alpha may pass its own by a nat at most)"
    light = f"light: single batches of seed {records[0].seed}, one in {p['shown_every']}"
    dark = f"dark: moving average ({SMOOTHING}) of block means"
    cuts = f"axes cut at {cut[0]:g} and {cut[1]:g}; curves that leave them: {', '.join(leaving) or 'none'}"
    return finish(fig, title, records, note, ", ".join(filter(None, [light, dark, in_words(len(records))])), cuts)
