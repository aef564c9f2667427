"""The paper's figures from records: ``python -m replications.generative_filter.figures fig7b out.png --records …``.

The x axis of every curve is the distortion that was achieved, in the unit of Sigma = I; the budget as the paper's
sentence weighs it (posterior variances) stands in the note. Crosses are the paper's printed values.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from common.evaluation.published import printed_for
from common.plotting import band, figure, finish, in_words
from common.plotting.cli import draw
from common.results import Record
from common.results.select import ended_well, of

PUBLISHED = Path(__file__).with_name("published.csv")
NAMES = {"filter": "filter", "gaussian": "Gaussian, σ learned", "gaussian_spent": "Gaussian, D = b"}
STYLES = {
    "filter": {"linestyle": "-", "marker": "o"},
    "gaussian": {"linestyle": "", "marker": "s"},
    "gaussian_spent": {"linestyle": "--", "marker": "^"},
}
FREE = (-np.inf, np.inf)  # an estimate of information may be negative, or above the entropy
X_LABEL = "distortion D achieved (nats, Σ = I)"


def runs_of(records: Sequence[Record], experiment: str, variant: str | None = None) -> list[Record]:
    """Return the runs of a cell that ended well: of those that did not, a picture shows nothing."""
    return ended_well(of(records, experiment, variant))


def first(records: Sequence[Record], key: str) -> Record:
    """Return the run of the lowest seed that has a series ``key``; raises KeyError where none ended well with it."""
    found = [record for record in records if key in record.series]
    if not found:
        raise KeyError(f"{key}: no run that has it ended well")
    return min(found, key=lambda record: record.seed)


def curve(records: Sequence[Record], metric: str) -> tuple[NDArray, NDArray]:
    """Return achieved distortion and ``metric``, each (seeds, budgets that have it), by rising mean distortion."""
    budgets = sorted(
        {float(n.rpartition("_b")[2]) for r in records for n in r.metrics if n.rpartition("_b")[0] == metric}
    )
    x, values = (
        np.array([[r.metrics[f"{name}_b{b:g}"] for b in budgets] for r in records]) for name in ("d_unit", metric)
    )
    order = np.argsort(x.mean(0))
    return x[:, order], values[:, order]


def line(
    axes: Axes, records: Sequence[Record], metric: str, label: str, limits: tuple[float, float], **style: Any
) -> None:
    """Draw one metric over mean achieved distortion: a line with a band of one sd, or markers with bars both ways."""
    if not any(name.rpartition("_b")[0] == metric for record in records for name in record.metrics):
        return  # a scale may leave an attacker or an estimator out
    x, values = curve(records, metric)
    style = {"marker": "o", "markersize": 3, **style}
    if style.get("linestyle", "-") not in ("", "none"):
        band(axes, x.mean(0), values, label=label, limits=limits, **style)
        return
    # Runs that are not held to a budget may end at very different distortions: their mean alone would hide that.
    dx, dy = (side.std(0, ddof=1) if len(records) > 1 else None for side in (x, values))
    axes.errorbar(x.mean(0), values.mean(0), dy, dx, label=label, elinewidth=0.8, **style)


def drawn_of(records: Sequence[Record], bars: bool) -> str:
    """Return what lines, bars and x stand for."""
    seeds = len({r.seed for r in ended_well(records)})
    several = ["bars: ± sd both ways"] * bars + ["x: mean D over seeds"]
    return ", ".join([in_words(seeds), *several]) if seeds > 1 else ""


def weighted(records: Sequence[Record]) -> str:
    """Return what the largest budget is worth in the posterior's unit, as a note."""
    values = [r.metrics["d_posterior_b5"] for r in records if "d_posterior_b5" in r.metrics]
    return f"largest D in posterior units: {np.mean(values):.0f}" if values else ""


def sensitivity(artefact: str, experiment: str, names: Sequence[tuple[str, str, str]]) -> Callable:
    """Return a figure of accuracies over distortion, filter solid, Gaussian mechanism dashed.

    Squares are the mechanism with sigma as the game leaves it, which may spend little of its budget. The panel's title
    says which mechanism it holds: the same figure is drawn with either, or both.
    """

    def make(records: Sequence[Record], title: str) -> Figure:
        fig, (axes,) = figure(1, width=5.2, height=3.4)
        runs = {v: runs_of(records, experiment, v) for v in NAMES}
        if not runs["filter"]:
            raise KeyError(f"{names[0][0]}_b0: no run of {experiment}/filter ended well")
        for metric, label, color in names:
            for variant, name in NAMES.items():
                line(axes, runs[variant], metric, f"{label}, {name}", (0, 1), color=color, **STYLES[variant])
            raw = np.mean([r.metrics[f"{metric}_b0"] for r in runs["filter"]])
            axes.axhline(raw, color=color, linestyle=":", linewidth=0.8)
        crosses = printed(axes, artefact, runs["filter"], {metric: color for metric, _, color in names})
        axes.set_title("; ".join(name for variant, name in NAMES.items() if runs[variant]))
        axes.set_xlabel(X_LABEL)
        axes.set_ylabel("accuracy of a fresh classifier")
        axes.legend(fontsize=7)
        drawn = drawn_of([r for found in runs.values() for r in found], bool(runs["gaussian"]))
        return finish(fig, title, records, "dotted: raw codes", crosses, drawn, weighted(runs["filter"]))

    return make


def printed(axes: Axes, artefact: str, records: Sequence[Record], colors: Mapping[str, str]) -> str:
    """Draw the printed accuracies as crosses: of raw codes at no distortion, of the filter's at the largest budget.

    One without a tolerance is a lower bound: an arrow up from it.
    """
    rows = printed_for(PUBLISHED, artefact)
    said: dict[str, list[str]] = {"crosses: printed": [], "arrow: printed as a lower bound": []}
    for entry, row in rows.items():
        kind, _, metric = entry.partition("_")
        at = 0.0 if kind == "raw" else curve(records, metric)[0].mean(0)[-1]
        bound = row.tolerance is None
        if bound:
            axes.errorbar(at, row.value, 0.02, lolims=True, marker="_", color=colors[metric], elinewidth=1.8, zorder=4)
        else:
            axes.plot(at, row.value, "x", color=colors[metric], markersize=7, markeredgewidth=1.8, zorder=4)
        said[list(said)[bound]].append(f"{entry.replace('_', ' ')} {row.printed}")
    return ", ".join(f"{kind} ({', '.join(found)})" for kind, found in said.items() if found)


def confusion(experiment: str, budgets: Sequence[tuple[str, str]], ticks: Sequence[str]) -> Callable:
    """Return a figure of confusion matrices, mean over seeds, rows normalised."""

    def make(records: Sequence[Record], title: str) -> Figure:
        runs = runs_of(records, experiment, "filter")
        first(runs, f"confusion_b{budgets[0][0]}")
        fig, panels = figure(len(budgets), width=3.6, height=3.7, share_y=False)
        for axes, (b, name) in zip(panels, budgets, strict=False):
            size = len(ticks)
            values = np.mean([r.series[f"confusion_b{b}"] for r in runs], 0).reshape(size, size)
            axes.imshow(values, cmap="Blues", vmin=0, vmax=1)
            for (i, j), value in np.ndenumerate(values):
                if value >= 0.005:
                    axes.text(
                        j,
                        i,
                        f"{value:.2f}",
                        ha="center",
                        va="center",
                        fontsize=5.5 if size > 2 else 9,
                        color="white" if value > 0.6 else "0.2",
                    )
            axes.set_xticks(range(size), ticks)
            axes.set_yticks(range(size), ticks)
            axes.grid(visible=False)
            axes.set_title(name)
            axes.set_xlabel("predicted")
            axes.set_ylabel("true")
        return finish(
            fig, title, of(records, experiment, "filter"), "share of each true class, mean over seeds, fresh classifier"
        )

    return make


def digits(experiment: str) -> Callable:
    """Return a figure of digits as they are, decoded, and decoded from the filtered code."""

    def make(records: Sequence[Record], title: str) -> Figure:
        record = first(runs_of(records, experiment, "filter"), "pictures_raw")
        names = {"raw": "original", "decoded": "decoded (VAE)", "released": "decoded after the filter"}
        fig, panels = figure(3, width=2.0, height=2.2)
        for axes, (name, label) in zip(panels, names.items(), strict=True):
            values = np.array(record.series[f"pictures_{name}"], dtype=float).reshape(4, 5, 28, 28)
            axes.imshow(values.transpose(0, 2, 1, 3).reshape(4 * 28, 5 * 28), cmap="gray", vmin=0, vmax=1)
            axes.set_title(label)
            axes.set_axis_off()
        return finish(fig, title, [record], f"seed {record.seed}, b = {record.params['shown_budget']:g}")

    return make


def faces(*names: tuple[str, str]) -> Callable:
    """Return a figure of face grids, one panel per kind of picture."""

    def make(records: Sequence[Record], title: str) -> Figure:
        record = first(runs_of(records, "faces_filter"), "pictures_raw")
        fig, panels = figure(len(names), width=3.0, height=2.2)
        for axes, (name, label) in zip(panels, names, strict=False):
            values = np.array(record.series[f"pictures_{name}"], dtype=float).reshape(-1, 3, 32, 32) / 255
            rows = values[: len(values) // 4 * 4].reshape(-1, 4, 3, 32, 32).transpose(0, 3, 1, 4, 2)
            axes.imshow(rows.reshape(rows.shape[0] * 32, 4 * 32, 3))
            axes.set_title(label)
            axes.set_axis_off()
        return finish(fig, title, [record], f"test faces, shown at 32 x 32, seed {record.seed}")

    return make


def scatter(panels: Sequence[tuple[str, str]]) -> Callable:
    """Return a figure of UMAP embeddings coloured by digit."""

    def make(records: Sequence[Record], title: str) -> Figure:
        record = first(runs_of(records, "geometry"), "digits")
        truth = np.array(record.series["digits"], dtype=int)
        colors = [
            f"C{d}" if d < 7 else c for d, c in zip(range(10), (*"0123456", "0.5", "#7a5195", "#a6d854"), strict=True)
        ]
        fig, axes = figure(len(panels), width=3.3, height=3.3, share_y=False)
        for ax, (name, label) in zip(axes, panels, strict=False):
            x, y = (np.array(record.series[f"{name}_{axis}"], dtype=float) for axis in (0, 1))
            for d in range(10):
                chosen = truth == d
                circle = d in (0, 6, 8, 9)
                ax.scatter(
                    x[chosen],
                    y[chosen],
                    s=5,
                    color=colors[d],
                    marker="o" if circle else "x",
                    alpha=0.6,
                    linewidths=0 if circle else 0.5,
                    label=str(d),
                )
            ax.set_title(label)
            ax.set_xlabel("UMAP 1")
        axes[0].set_ylabel("UMAP 2")
        axes[-1].legend(fontsize=6, markerscale=2, loc="center left", bbox_to_anchor=(1, 0.5))
        return finish(fig, title, [record], f"{len(truth):,} test digits; dots have a circle, crosses none")

    return make


def information(records: Sequence[Record], title: str) -> Figure:
    """Draw Figure 9: nearest-neighbour estimates, and the bound of a fresh classifier's cross-entropy."""
    fig, panels = figure(2, width=3.8, height=3.2, share_y=False)
    for axes, experiment, name, top in zip(
        panels, ("attack1", "attack2"), ("case 1: the digit", "case 2: ≥ 5"), (np.log(10), np.log(2)), strict=True
    ):
        runs = runs_of(records, experiment, "filter")
        line(axes, runs, "mi", "mixed kNN (Ross)", FREE, color="C0")
        line(axes, runs, "mi_lnc", "LNC, difference form", FREE, color="C1", linestyle="none", marker="^")
        line(axes, runs, "private_bound", "H − CE, FC15", FREE, color="C2", linestyle="--")
        line(axes, runs, "mlp_bound", "H − CE, MLP", FREE, color="C3", linestyle="--", marker="s")
        axes.axhline(top, color="0.4", linestyle=":", linewidth=1)
        axes.set_title(name)
        axes.set_xlabel(X_LABEL)
        axes.legend(fontsize=7)
    panels[0].set_ylabel("I(z̃; y) (nats)")
    rows = {r.params["mi_rows"] for r in records if "mi_rows" in r.params}
    bars = any(name.startswith("mi_lnc_b") for r in records for name in r.metrics)
    note = f"dotted: ln of the classes; kNN on {max(rows):,} test codes at every budget"
    return finish(fig, title, records, note, drawn_of(records, bars))


def frontier(records: Sequence[Record], title: str) -> Figure:
    """Draw utility over private accuracy along the budget: the nearer the upper left the better (ours)."""
    fig, panels = figure(2, width=3.9, height=3.4, share_y=False)
    for axes, experiment, name in zip(panels, ("attack1", "attack2"), ("case 1", "case 2"), strict=True):
        for variant, style in STYLES.items():
            runs = runs_of(records, experiment, variant)
            if not runs:
                continue
            for (private, utility), color, label in (
                (("private_balanced", "utility_balanced"), "C0", "FC15"),
                (("mlp_balanced", "mlp_utility_balanced"), "C1", "MLP"),
            ):
                x, y = (curve(runs, metric)[1].mean(0) for metric in (private, utility))
                axes.plot(
                    x,
                    y,
                    **style,
                    markersize=3,
                    color=color,
                    label=f"{NAMES[variant]}, {label}",
                )
        axes.set_title(name)
        axes.set_xlabel("balanced accuracy, private (leakage)")
        axes.legend(fontsize=7)
    panels[0].set_ylabel("balanced accuracy, utility")
    note = "each curve runs from the raw codes (right) to the largest budget"
    return finish(fig, title, records, note, "points: means over seeds")


PRIVATE_UTILITY = [("private", "private", "C1"), ("utility", "utility", "C0")]

FIGURES: dict[str, Callable[[Sequence[Record], str], Figure]] = {
    "fig1": digits("attack1"),
    "fig3ab": confusion(
        "attack1", [("0", "(a) raw codes"), ("1.5", "(b) filtered, b = 1.5")], [str(d) for d in range(10)]
    ),
    "fig3c": sensitivity("fig3c", "attack1", PRIVATE_UTILITY),
    "fig4": scatter([("raw", "(a) raw"), ("digit_b1.5", "(b) b = 1.5"), ("digit_b5", "(c) b = 5")]),
    "fig5": faces(("raw", "original"), ("decoded", "decoded (VAE)"), ("behind_male", "gender hidden")),
    "fig10": faces(("raw", "original"), ("decoded", "decoded (VAE)")),
    "fig11": faces(("decoded", "(a) decoded (VAE)"), ("behind_attractive", "(b) attractive hidden")),
    "fig12": faces(("decoded", "(a) decoded (VAE)"), ("behind_eyeglasses", "(b) eyeglasses hidden")),
    "fig13": faces(("decoded", "(a) decoded (VAE)"), ("behind_hair", "(b) wavy hair hidden")),
    "fig6": digits("attack2"),
    "fig7a": confusion("attack2", [("3", "b = 3")], ["< 5", "≥ 5"]),
    "fig7b": sensitivity("fig7b", "attack2", PRIVATE_UTILITY),
    "fig7c": sensitivity("fig7c", "attack2", [*PRIVATE_UTILITY, ("nontarget", "circle", "C2")]),
    "fig8": scatter([("raw", "raw"), ("large_b3", "filtered, b = 3")]),
    "fig9": information,
    "frontier": frontier,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Draw one figure from the command line."""
    return draw(argv, "generative_filter", FIGURES, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
