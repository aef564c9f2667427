"""InfoShape's figures from records: ``python -m replications.infoshape.figures fig4_3 out.svg out.png --records …``.

Axes as in the thesis: mutual information in nats over ReMINE epochs (one point per pass over the data), raw values
light, moving average (0.6) dark; ROC without diagonal; codes coloured by label.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.plotting import band, curves, figure, finish
from common.plotting.cli import draw
from common.results import Record
from common.results.select import of
from replications.infoshape import beyond, challenges
from replications.infoshape.reading import final

H_L = math.log(2)
ENTROPY_PRINTED = 8.79  # eq. (3.5): the entropy of one component, printed as H(X) (README, "Why 8.79 is not H(X)")


def chart(axes: Axes, records: Sequence[Record], name: str, limit: float | None = None, limit_name: str = "") -> None:
    """Draw one ReMINE chart, titled with its final value; ``limit`` is a bound drawn dotted."""
    runs = [r.series[f"{name}_curve"] for r in records if r.series.get(f"{name}_curve")]
    curves(axes, runs)
    if limit is not None:
        axes.axhline(limit, color="0.3", linestyle=":", linewidth=1)
        axes.annotate(limit_name, (1, limit), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=7)
    axes.set_xlabel("ReMINE epoch (passes over the data)")


def single(metric: str, experiment: str, name: str, symbol: str, limit: float, limit_name: str) -> Callable:
    """Return a figure of one chart."""

    def make(records: Sequence[Record], title: str) -> Figure:
        fig, (axes,) = figure(1, width=4.6)
        chart(axes, of(records, experiment), name, limit, limit_name)
        axes.set_ylabel(f"{symbol} (nats)")
        axes.set_title(f"last ten points: {final(of(records, experiment), metric)}")
        return finish(fig, title, records, steps(records))

    return make


def epochs(experiment: str, quantity: str, symbol: str, limit: float, limit_name: str) -> Callable:
    """Return a figure of three charts, one per shown encoder epoch, values = mean of the final batches."""

    def make(records: Sequence[Record], title: str) -> Figure:
        shown = (0, 5, 9)
        fig, panels = figure(3, width=3.1)
        runs = of(records, experiment)
        for axes, letter, epoch in zip(panels, "abc", shown, strict=True):
            name = f"{quantity}_{epoch}"
            chart(axes, runs, name, limit, limit_name)
            lines = [f"({letter}) encoder epoch {epoch}: {final(runs, name)}"]
            if quantity == "utility" and of(records, "bounds"):
                lines.append(f"ours: cross-entropy bound {final(of(records, 'bounds'), f'ce_bound_{epoch}')}")
            axes.set_title("\n".join(lines), fontsize=8)
        panels[0].set_ylabel(f"{symbol} (nats)")
        return finish(fig, title, records, steps(records))

    return make


def steps(records: Sequence[Record]) -> str:
    """Return the critic's optimiser steps behind an estimate: the printed leakage depends on them."""
    found = set()
    for r in records:
        p = r.params
        if "privacy_passes" not in p:
            continue
        batches = int(2 * p["n_per_class"] * p["train_share"]) // p["batch"]
        made = -(-batches // p["update_every"])
        against_x, against_l = p["privacy_passes"] * made, p["utility_passes"] * made
        found.add(f"critic steps: {against_x:,} against X" + (f", {against_l:,} against L" if against_l else ""))
    return "; ".join(sorted(found))


def roc(panels: dict[str, str]) -> Callable:
    """Return a figure of ROC curves, one panel per classifier input."""

    def make(records: Sequence[Record], title: str) -> Figure:
        fig, axes = figure(len(panels), width=3.0, height=3.1)
        for ax, (name, label) in zip(axes, panels.items(), strict=True):
            runs = np.array([r.series[f"roc_tpr_{name}"] for r in records], dtype=float)
            x = np.array(records[0].series["roc_fpr"], dtype=float)
            for run in runs:
                ax.plot(x, run, color="C0", alpha=0.25, linewidth=0.8)
            band(ax, x, runs)
            ax.set_title(f"{label}\nAUC {final(records, f'auc_{name}')}")
            ax.set_xlabel("false positive rate")
            ax.set_aspect("equal")
        axes[0].set_ylabel("true positive rate")
        return finish(fig, title, records, "held-out fifth of the data")

    return make


def scatter(records: Sequence[Record], title: str) -> Figure:
    """Draw Figure 4-4: the first two code components of the lowest seed at three encoder epochs."""
    record = min(records, key=lambda r: r.seed)
    fig, panels = figure(3, width=2.7, height=2.9)
    labels = np.array(record.series["codes_label"], dtype=float)
    for axes, epoch in zip(panels, (0, 5, 9), strict=True):
        x, y = (np.array(record.series[f"codes_{epoch}_{dim}"], dtype=float) for dim in (0, 1))
        for label, color, marker in ((0, "C0", "o"), (1, "C1", "^")):
            chosen = labels == label
            axes.scatter(
                x[chosen], y[chosen], s=5, c=color, marker=marker, alpha=0.5, linewidths=0, label=f"L = {label}"
            )
        axes.set_title(f"encoder epoch {epoch}")
        axes.set_xlabel("code component 0")
    panels[0].set_ylabel("code component 1")
    panels[0].legend(loc="best", markerscale=2)
    return finish(fig, title, [record], f"seed {record.seed}, {len(labels):,} codes, equally many per label")


def picture(axes: Axes, values: Sequence[float | None], title: str) -> None:
    """Show a square picture, each in its own grey range, without axes."""
    side = math.isqrt(len(values))
    axes.imshow(np.array(values, dtype=float).reshape(side, side), cmap="gray", interpolation="nearest")
    axes.set_title(title, fontsize=8)
    axes.set_axis_off()


def channels(records: Sequence[Record], title: str) -> Figure:
    """Draw Figure 3-1: one digit and its three codes, of the lowest seed."""
    record = min(records, key=lambda r: r.seed)
    fig, (first, *others) = figure(4, width=1.9, height=2.4, share_y=False)
    picture(first, record.series["image"], "X, 28x28")
    for c, axes in enumerate(others):
        picture(axes, record.series[f"channel_{c}"], f"channel {c}, 9x9")
    seen = final(records, "spatial_correlation")
    return finish(fig, title, records, f"seed {record.seed} shown; best |correlation| with the image: {seen}")


def identity(records: Sequence[Record], title: str) -> Figure:
    """Draw Figure 3-2: the codes of the lowest seed across epochs, and the correlation of all seeds."""
    record = min(records, key=lambda r: r.seed)
    epochs_shown = record.params["shown_epochs"]
    fig, panels = figure(len(epochs_shown) + 2, width=1.6, height=2.6, share_y=False)
    picture(panels[0], record.series["image"], "X")
    for epoch, axes in zip(epochs_shown, panels[1:], strict=False):
        picture(
            axes, record.series[f"code_{epoch}"], f"Z, epoch {epoch}\nr = {record.metrics[f'correlation_{epoch}']:.3f}"
        )
    runs = np.array([r.series["correlation"] for r in records], dtype=float)
    band(panels[-1], np.arange(runs.shape[1]), runs)
    panels[-1].set_title("all seeds", fontsize=8)
    panels[-1].set_xlabel("epoch")
    panels[-1].set_ylabel("correlation of X and Z")
    return finish(fig, title, records, f"seed {record.seed} shown; epoch 24: r = {final(records, 'correlation_24')}")


UTILITY = ("utility", "I(Z;L)", H_L, "H(L) = ln 2")
LEAKAGE = ("leakage", "I(X;Z)", ENTROPY_PRINTED, "8.79, printed as H(X)")

FIGURES: dict[str, Callable[[Sequence[Record], str], Figure]] = {
    "fig3_1": channels,
    "fig3_2": identity,
    "fig3_3": challenges.failures,
    "fig3_4": challenges.staircase,
    "fig3_5a": single("mi_xx_chart", "raw", "mi_xx", "I(X;X)", ENTROPY_PRINTED, "8.79, printed as H(X)"),
    "fig3_5b": single("mi_xl_chart", "raw", "mi_xl", "I(X;L)", H_L, "H(L) = ln 2"),
    "fig3_6a": single("leakage_0_chart", "encoder_a", "leakage_0", "I(X;Z)", ENTROPY_PRINTED, "8.79, printed as H(X)"),
    "fig3_6b": single("utility_0_chart", "encoder_a", "utility_0", "I(Z;L)", H_L, "H(L) = ln 2"),
    "fig4_2": roc({"raw": "original data X", "untrained": "random code Z"}),
    "fig4_3": roc({"untrained": "untrained encoder", "trained": "trained encoder"}),
    "fig4_4": scatter,
    "fig4_5": epochs("encoder_a", *UTILITY),
    "fig4_6": epochs("encoder_a", *LEAKAGE),
    "fig4_7": epochs("encoder_b", *LEAKAGE),
    "fig4_8": epochs("encoder_c", *LEAKAGE),
    "fig4_9": epochs("encoder_d", *LEAKAGE),
    "channel_linear": beyond.channel_linear,
    "channel": beyond.channel,
    "attacker": beyond.attacker,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Draw one figure from the command line."""
    return draw(argv, "infoshape", FIGURES, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
