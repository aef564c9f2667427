"""InfoShape's figures from records: ``python -m replications.infoshape.figures fig4_3 out.svg out.png --records …``.

Axes as in the thesis: mutual information in nats over ReMINE epochs (one point per pass over the data), raw values
light, moving average (0.6) dark; ROC without diagonal; codes coloured by label. Ours: the printed value beside ours.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.evaluation.published import Published, printed_for
from common.plotting import band, curves, figure, finish, in_words
from common.plotting.cli import draw
from common.results import Record
from common.results.select import of
from replications.infoshape import beyond, challenges
from replications.infoshape.reading import classifiers, final, last_points, limit, penalised

H_L = math.log(2)
PUBLISHED = Path(__file__).with_name("published.csv")
PRINTED = (0, 5, 9)  # encoder epochs of the panels (a) to (c) of Figures 4-5 to 4-9
ENTROPY_PRINTED = 8.79  # eq. (3.5): the entropy of one component, printed as H(X) (README, "Why 8.79 is not H(X)")


def chart(
    axes: Axes,
    runs: Sequence[Record],
    name: str,
    bound: tuple[float, str],
    printed: Published | None,
    aside: bool = False,
) -> str:
    """Draw one ReMINE chart, its bound dotted, the printed value dashed; return what its title says of the latter.

    The bound's name stands above its end, or ``aside`` the panel. Without a curve the panel says so: its epoch is not
    among the ``shown_epochs`` of the cell, or no seed came that far.
    """
    if not (found := charted(runs, name)):
        middle = {"transform": axes.transAxes, "ha": "center", "va": "center"}
        axes.text(0.5, 0.5, f"no record has the curve\n{name}_curve", **middle)
        return ""
    curves(axes, found)
    axes.margins(y=0.1)  # room for the name of the bound under the title
    limit(axes, *bound, aside=aside)
    axes.set_xlabel("ReMINE epoch (passes over the data)")
    if printed is None:
        return ""
    axes.axhline(printed.value, color="k", linestyle="--", linewidth=0.8)
    return f"printed {printed.printed} (dashed)"


def charted(records: Sequence[Record], name: str) -> list[Sequence[float | None]]:
    """Return the charts of the records that have one."""
    return [r.series[f"{name}_curve"] for r in records if r.series.get(f"{name}_curve")]


def in_nats(symbol: str, runs: Sequence[Record]) -> str:
    """Return the label of a chart's axis, which says where the values include the critic's penalty."""
    return f"{symbol} (nats)" + ("\nwith its penalty" if penalised(runs) else "")


def single(
    artefact: str,
    metric: str,
    experiment: str,
    name: str,
    symbol: str,
    bound: tuple[float, str],
    judge: tuple[str, str] | None = None,
) -> Callable:
    """Return a figure of one chart; ``judge`` is the experiment and metric of a fresh classifier's bound beside it."""

    def make(records: Sequence[Record], title: str) -> Figure:
        fig, (axes,) = figure(1, width=5.2)
        runs = of(records, experiment)
        printed = chart(axes, runs, name, bound, printed_for(PUBLISHED, artefact).get("final"), aside=True)
        axes.set_ylabel(in_nats(symbol, runs))
        lines = ["; ".join(filter(None, [f"{last_points(runs)}: {final(runs, metric)}", printed]))]
        lines.append(classifiers(records, *judge) if judge else "")
        axes.set_title("\n".join(filter(None, lines)))
        drawn = in_words(len(charted(runs, name)), light=True, smoothed=True)
        return finish(fig, title, records, steps(records), drawn)

    return make


def epochs(
    artefact: str, experiment: str, quantity: str, symbol: str, bound: tuple[float, str], shown: Sequence[int] = PRINTED
) -> Callable:
    """Return a figure of one chart per shown encoder epoch, values = mean of the final batches.

    Panels (a) to (c) are the thesis'; an epoch that it trains and does not draw is marked as ours.
    """

    def make(records: Sequence[Record], title: str) -> Figure:
        rows = printed_for(PUBLISHED, artefact)
        fig, panels = figure(len(shown), width=3.1, height=3.0)
        runs = of(records, experiment)
        letters = dict(zip(PRINTED, "abc", strict=True))
        for axes, epoch in zip(panels, shown, strict=True):
            name, letter = f"{quantity}_{epoch}", letters.get(epoch)
            printed = chart(axes, runs, name, bound, rows.get(letter))
            lines = [f"({letter or 'ours'}) encoder epoch {epoch}: {final(runs, name)}", printed]
            if quantity == "utility" and (judged := classifiers(records, "bounds", f"ce_bound_{epoch}")):
                lines.append(judged)
            axes.set_title("\n".join(lines), fontsize=8)
        panels[0].set_ylabel(in_nats(symbol, runs))
        drawn = in_words(max(len(charted(runs, f"{quantity}_{e}")) for e in shown), light=True, smoothed=True)
        return finish(fig, title, records, steps(records), drawn)

    return make


def steps(records: Sequence[Record]) -> str:
    """Return the critic's optimiser steps behind an estimate: the printed leakage depends on them.

    One for each batch of a pass, or for each ten of them and for what is left (D18; D2 steps in as many).
    """
    found = set()
    for r in records:
        p = r.params
        if "privacy_passes" not in p:
            continue
        batches = 2 * round(p["n_per_class"] * p["train_share"]) // p["batch"]
        made = math.ceil(batches / max(p["update_every"], p.get("gather", 1)))
        against_x, against_l = p["privacy_passes"] * made, p["utility_passes"] * made
        found.add(f"critic steps: {against_x:,} against X" + (f", {against_l:,} against L" if against_l else ""))
    return "; ".join(sorted(found))


def roc(artefact: str, panels: dict[str, str]) -> Callable:
    """Return a figure of ROC curves, one panel per classifier input."""

    def make(records: Sequence[Record], title: str) -> Figure:
        rows = printed_for(PUBLISHED, artefact)
        fig, axes = figure(len(panels), width=3.0, height=3.3)
        for ax, (name, label) in zip(axes, panels.items(), strict=True):
            runs = np.array([r.series[f"roc_tpr_{name}"] for r in records], dtype=float)
            x = np.array(records[0].series["roc_fpr"], dtype=float)
            for run in runs:
                ax.plot(x, run, color="C0", alpha=0.25, linewidth=0.8)
            band(ax, x, runs, limits=(0, 1))
            ax.set_title(f"{label}\nAUC {final(records, f'auc_{name}')}\nprinted {rows[name].printed}")
            ax.set_xlabel("false positive rate")
            ax.set_aspect("equal")
        axes[0].set_ylabel("true positive rate")
        drawn = in_words(len(records), light=True, within="0 to 1")
        return finish(fig, title, records, "held-out fifth of the data", drawn)

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
    band(panels[-1], np.arange(runs.shape[1]), runs, limits=(-1, 1))
    rows = printed_for(PUBLISHED, "fig3_2")
    at = [int(entry.removeprefix("epoch")) for entry in rows]
    panels[-1].plot(at, [row.value for row in rows.values()], "kx", markersize=4)
    panels[-1].set_title("all seeds", fontsize=8)
    panels[-1].set_xlabel("epoch")
    panels[-1].set_ylabel("correlation of X and Z")
    reached = f"epoch 24: r = {final(records, 'correlation_24')}, printed {rows['epoch24'].printed}"
    elsewhere = (
        f"codes of other images: r = {final(records, 'others_24')} with these, {final(records, 'trained_24')} with X"
    )
    drawn = ", ".join(filter(None, ["crosses: printed", in_words(len(records))]))
    return finish(fig, title, records, f"seed {record.seed} shown; {reached}", elsewhere, drawn)


LABEL = (H_L, "H(L) = ln 2")
ENTROPY = (ENTROPY_PRINTED, f"{ENTROPY_PRINTED}, printed as H(X)")
UTILITY = ("utility", "I(Z;L)", LABEL)
LEAKAGE = ("leakage", "I(X;Z)", ENTROPY)

FIGURES: dict[str, Callable[[Sequence[Record], str], Figure]] = {
    "fig3_1": channels,
    "fig3_2": identity,
    "fig3_3": challenges.failures,
    "fig3_4": challenges.staircase,
    "fig3_5a": single("fig3_5a", "mi_xx_chart", "raw", "mi_xx", "I(X;X)", ENTROPY),
    "fig3_5b": single("fig3_5b", "mi_xl_chart", "raw", "mi_xl", "I(X;L)", LABEL, ("classifier", "ce_bound_raw")),
    "fig3_6a": single("fig3_6a", "leakage_0_chart", "encoder_a", "leakage_0", "I(X;Z)", ENTROPY),
    "fig3_6b": single(
        "fig3_6b", "utility_0_chart", "encoder_a", "utility_0", "I(Z;L)", LABEL, ("bounds", "ce_bound_0")
    ),
    "fig4_2": roc("fig4_2", {"raw": "original data X", "untrained": "random code Z"}),
    "fig4_3": roc("fig4_3", {"untrained": "untrained encoder", "trained": "trained encoder"}),
    "fig4_4": scatter,
    "fig4_5": epochs("fig4_5", "encoder_a", *UTILITY),
    "fig4_6": epochs("fig4_6", "encoder_a", *LEAKAGE),
    "fig4_7": epochs("fig4_7", "encoder_b", *LEAKAGE),
    "fig4_8": epochs("fig4_8", "encoder_c", *LEAKAGE),
    "fig4_9": epochs("fig4_9", "encoder_d", *LEAKAGE, shown=(*PRINTED, 24)),
    "channel_linear": beyond.channel_linear,
    "channel": beyond.channel,
    "attacker": beyond.attacker,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Draw one figure from the command line."""
    return draw(argv, "infoshape", FIGURES, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
