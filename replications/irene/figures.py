"""IRENE's figures from records: ``python -m replications.irene.figures fig4a out.svg out.png --records …``.

Axes as in the paper: accuracies in percent over rho; H against G with the best corner lower right. Ours: markers at the
rho that were run, bands of one standard deviation over seeds, and the fresh attackers' reading beside H's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common.plotting import band, figure, finish, in_words
from common.plotting.cli import draw
from common.results import Record

METHODS = {
    "baseline": "Baseline",
    "rubi": "RUBi",
    "rebias": "ReBias",
    "learnedmixin": "LearnedMixIn",
    "irene": "IRENE",
    "irene_buggy": "IRENE, code of 2022",
}
MARKERS = dict(zip(METHODS, "osD^*P", strict=True))
CHANCE = 10.0
ZOOM = 15.0  # points below the best mean that the zoomed figure keeps; the paper does not say its range


def by_variant(records: Sequence[Record], experiment: str) -> dict[str, list[Record]]:
    """Return the finished records of an experiment by variant, in the order of METHODS."""
    chosen = [r for r in records if r.experiment == experiment and r.status == "ok"]
    return {name: runs for name in METHODS if (runs := [r for r in chosen if r.variant == name])}


def rhos_of(records: Sequence[Record], metric: str) -> list[float]:
    """Return the rho at which every record has ``metric``; attackers' records name none, their metrics do."""
    found = [{k.removeprefix(f"{metric}_") for k in r.metrics if k.startswith(f"{metric}_")} for r in records]
    return sorted(float(rho) for rho in set.intersection(*found) if rho[0].isdigit())


def values(records: Sequence[Record], metric: str, rhos: Sequence[float]) -> np.ndarray:
    """Return ``metric`` as (seeds, rhos)."""
    return np.array([[r.metrics[f"{metric}_{rho}"] for rho in rhos] for r in records])


def line(axes: Axes, records: Sequence[Record], metric: str, variant: str, label: str, style: str = "-") -> None:
    """Draw one metric over rho: mean with markers, band of one standard deviation over seeds."""
    rhos = np.array(rhos_of(records, metric))
    seen = values(records, metric, list(rhos))
    drawn = {"color": colour(variant), "label": f"{label} (n={len(records)})", "linestyle": style}
    # An accuracy ends at 100; an information that is proved may be negative.
    limits = (-np.inf, np.inf) if metric.endswith("information") else (0.0, 100.0)
    band(axes, rhos, seen, limits=limits, marker=MARKERS[variant], markersize=4, **drawn)


def colour(variant: str) -> str:
    """Return a method's colour."""
    return f"C{list(METHODS).index(variant)}"


def chance(axes: Axes) -> None:
    """Draw the accuracy of a random guess."""
    axes.axhline(CHANCE, color="0.4", linestyle=":", linewidth=1)
    axes.annotate("random guess", (1, CHANCE), xycoords=("axes fraction", "data"), ha="right", va="top", fontsize=7)


def over_rho(metric: str, label: str, zoom: bool = False) -> Callable[[Sequence[Record], str], Figure]:
    """Return a figure of one head's accuracy over rho; zoomed, the axis keeps what is near the best."""

    def make(records: Sequence[Record], title: str) -> Figure:
        fig, (axes,) = figure(1, width=4.8, height=3.2)
        cells = by_variant(records, "biased_mnist")
        means = {}
        for variant, runs in cells.items():
            line(axes, runs, metric, variant, METHODS[variant])
            means[variant] = values(runs, metric, rhos_of(runs, metric)).mean(0)
        cut = ""
        if zoom and means:
            all_means = np.concatenate(list(means.values()))
            near = all_means[all_means > all_means.max() - ZOOM]
            axes.set_ylim(near.min() - 1, min(100.5, near.max() + 1))
            cut = below(axes, means)
        elif not zoom:
            axes.set_ylim(0, 102)
            chance(axes)
        axes.set_xlabel("ρ, probability that the colour is the digit's own")
        axes.set_ylabel(label)
        axes.legend(fontsize=7)
        return finish(fig, title, records, cut, bands(records), note(records))

    return make


def below(axes: Axes, means: Mapping[str, np.ndarray]) -> str:
    """Return which methods the axis leaves out, wholly or in part."""
    edge = axes.get_ylim()[0]
    wholly = [f"{METHODS[k]} (at most {m.max():.0f} %)" for k, m in means.items() if m.max() < edge]
    partly = [METHODS[k] for k, m in means.items() if m.min() < edge <= m.max()]
    words = {"wholly": wholly, "in part": partly}
    return "; ".join(f"{how} below the axis: {', '.join(names)}" for how, names in words.items() if names)


def bands(records: Sequence[Record]) -> str:
    """Return what the bands are, where a method has one."""
    return in_words(max((len(runs) for runs in by_variant(records, "biased_mnist").values()), default=0))


def against(records: Sequence[Record], title: str) -> Figure:
    """Draw Figure 4d: H's accuracy against G's, one marker per method and rho; lower right is best.

    The size of a marker says its rho: where methods agree, numbers at the markers would lie on each other.
    """
    fig, (axes,) = figure(1, width=4.8, height=3.4)
    cells = by_variant(records, "biased_mnist")
    every = sorted({rho for runs in cells.values() for rho in rhos_of(runs, "g")})
    size = dict(zip(every, np.linspace(5, 10, len(every)), strict=True))
    handles = []
    for variant, runs in cells.items():
        rhos = rhos_of(runs, "g")
        x, y = values(runs, "g", rhos), values(runs, "h", rhos)
        marker = {"marker": MARKERS[variant], "color": colour(variant)}
        axes.plot(x.mean(0), y.mean(0), color=colour(variant), linewidth=0.5, alpha=0.6)
        for k, rho in enumerate(rhos):
            bars = {"xerr": x[:, k].std(ddof=1), "yerr": y[:, k].std(ddof=1)} if len(runs) > 1 else {}
            edge = {"markeredgecolor": "w", "markeredgewidth": 0.4, "elinewidth": 0.7}
            edge["zorder"] = 4 - size[rho] / 10  # the small ones lie on the large ones
            axes.errorbar(x[:, k].mean(), y[:, k].mean(), **marker, markersize=size[rho], **edge, **bars)
        text = f"{METHODS[variant]} (n={len(runs)})"
        handles.append(Line2D([], [], **marker, linestyle="", markersize=5, label=text))
    handles += [
        Line2D([], [], marker="o", color="0.5", linestyle="", markersize=wide, label=f"ρ = {rho:g}")
        for rho, wide in size.items()
    ]
    chance(axes)
    axes.set_ylim(0, 105)
    axes.margins(x=0.08)
    axes.set_xlabel("accuracy of G on the digit (%)")
    axes.set_ylabel("accuracy of H on the colour (%)")
    axes.legend(handles=handles, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    bars = "bars: ± sd over seeds" if any(len(runs) > 1 for runs in cells.values()) else ""
    return finish(fig, title, records, "marker size: ρ, joined in its order; lower right is best", bars, note(records))


def leakage(records: Sequence[Record], title: str) -> Figure:
    """Draw what the co-trained H and fresh attackers read of the colour: accuracy, and the information they prove."""
    trained, attacked = by_variant(records, "biased_mnist"), by_variant(records, "biased_mnist_attack")
    shown = [name for name in METHODS if name in trained and name in attacked]
    fig, panels = figure(2, width=4.3, height=4.0, share_y=False)
    for variant in shown:
        line(panels[0], trained[variant], "h", variant, f"{METHODS[variant]}: co-trained H", ":")
        line(panels[0], attacked[variant], "linear_balanced", variant, f"{METHODS[variant]}: linear, H's images", "--")
        line(panels[0], attacked[variant], "free_linear_balanced", variant, f"{METHODS[variant]}: linear", "-")
        line(panels[1], attacked[variant], "free_linear_information", variant, f"{METHODS[variant]}: linear", "-")
        line(panels[1], attacked[variant], "free_mlp_information", variant, f"{METHODS[variant]}: MLP", "--")
    chance(panels[0])
    panels[0].set_ylim(0, 105)
    panels[0].set_ylabel("accuracy on the colour (%)")
    panels[1].axhline(np.log(10), color="0.4", linestyle=":", linewidth=1)
    panels[1].annotate(
        "H(colour) = ln 10", (0, np.log(10)), xycoords=("axes fraction", "data"), va="bottom", fontsize=7
    )
    panels[1].set_ylim(min(0.0, panels[1].get_ylim()[0]), 2.55)
    panels[1].set_ylabel("information on the colour (nats)")
    for axes in panels:
        axes.set_xlabel("ρ of the training set")
        axes.legend(fontsize=6, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, handlelength=4)
    fitted = "attackers fitted on digits of independent colours, or on H's images, their accuracies balanced"
    return finish(fig, title, records, fitted, bands(records), note(records))


def samples(records: Sequence[Record], title: str) -> Figure:
    """Draw Figure 3: digits of every class on their background, a block of rows per rho."""
    record = min(records, key=lambda r: r.seed)
    rhos, shown = record.params["rhos"], record.params["shown"]
    fig, panels = figure(len(rhos), width=3.3, height=1.6)
    for axes, rho in zip(panels, rhos, strict=True):
        rows = [np.concatenate([tile(record, f"{rho}_{d}_{k}") for d in range(10)], axis=1) for k in range(shown)]
        axes.imshow(np.concatenate(rows), interpolation="nearest")
        axes.set_title(f"ρ = {rho:g}: own colour in {record.metrics[f'own_{rho}']:.1f} %", fontsize=8)
        axes.set_axis_off()
    return finish(fig, title, [record], "training images, digits 0 to 9 from left to right")


def tile(record: Record, name: str) -> np.ndarray:
    """Return one picture (28, 28, 3): white stroke on the recorded colour."""
    stroke = np.array(record.series[f"stroke_{name}"], dtype=float)
    side = int(np.sqrt(len(stroke)))
    colour = np.array(record.series[f"colour_{name}"], dtype=float) / 255
    return np.where(stroke.reshape(side, side, 1) > 0, 1.0, colour)


def note(records: Sequence[Record]) -> str:
    """Return what a reader must know of the run's size."""
    p = next(r.params for r in records if r.experiment == "biased_mnist")
    size = f"{p['train_images']:,} images of {p['side']}x{p['side']}, {p['epochs']} epochs"
    return f"{size}, batch {p['batch']}"


FIGURES: dict[str, Callable[[Sequence[Record], str], Figure]] = {
    "fig3": samples,
    "fig4a": over_rho("g", "accuracy of G on the digit (%)"),
    "fig4b": over_rho("g", "accuracy of G on the digit (%)", zoom=True),
    "fig4c": over_rho("h", "accuracy of H on the colour (%)"),
    "fig4d": against,
    "leakage": leakage,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Draw one figure from the command line."""
    return draw(argv, "irene", FIGURES, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
