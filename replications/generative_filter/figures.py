"""The paper's figures from records: ``python -m replications.generative_filter.figures fig7b out.png --records …``.

The x axis of every curve is the distortion that was achieved, in the unit of Sigma = I; the budget as the paper's
sentence weighs it (posterior variances) stands in the note.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from common.plotting import figure, finish
from common.plotting.cli import draw
from common.results import Record
from common.results.select import of

NAMES = {"filter": "filter", "gaussian": "Gaussian, σ learned", "gaussian_spent": "Gaussian, D = b"}
STYLES = {
    "filter": {"linestyle": "-", "marker": "o"},
    "gaussian": {"linestyle": "", "marker": "s"},
    "gaussian_spent": {"linestyle": "--", "marker": "^"},
}
X_LABEL = "distortion D achieved (nats, Σ = I)"
CHANCE = {"digit": 0.1135, "large": 0.5139, "odd": 0.5074, "circle": 0.6079}  # majority rates of the MNIST test set


def curve(records: Sequence[Record], metric: str) -> tuple[NDArray, NDArray, NDArray]:
    """Return achieved distortion, mean and sd over seeds of ``metric`` at every budget that has it."""
    budgets = sorted(
        {float(n.rpartition("_b")[2]) for r in records for n in r.metrics if n.rpartition("_b")[0] == metric}
    )
    x = [np.mean([r.metrics[f"d_unit_b{b:g}"] for r in records]) for b in budgets]
    values = np.array([[r.metrics[f"{metric}_b{b:g}"] for r in records] for b in budgets])
    sd = values.std(1, ddof=1) if values.shape[1] > 1 else np.zeros(len(values))
    order = np.argsort(x)
    return np.array(x)[order], values.mean(1)[order], sd[order]


def line(axes: Axes, records: Sequence[Record], metric: str, label: str, **style: str) -> None:
    """Draw one metric over achieved distortion with a band of one sd."""
    if not any(name.rpartition("_b")[0] == metric for record in records for name in record.metrics):
        return  # a scale may leave an attacker or an estimator out
    x, mean, sd = curve(records, metric)
    (drawn,) = axes.plot(x, mean, label=label, markersize=3, **{"marker": "o", **style})
    if drawn.get_linestyle() == "None":
        axes.errorbar(x, mean, sd, color=drawn.get_color(), linestyle="", linewidth=0.8)
        return
    axes.fill_between(x, mean - sd, mean + sd, color=drawn.get_color(), alpha=0.15, linewidth=0)


def weighted(records: Sequence[Record]) -> str:
    """Return what the largest budget is worth in the posterior's unit, as a note."""
    values = [r.metrics["d_posterior_b5"] for r in records if "d_posterior_b5" in r.metrics]
    return f"largest D in posterior units: {np.mean(values):.0f}" if values else ""


def sensitivity(experiment: str, names: Sequence[tuple[str, str, str]]) -> Callable:
    """Return a figure of accuracies over distortion, filter solid, Gaussian mechanism dashed.

    Squares are the mechanism with sigma as the game leaves it, which may spend little of its budget.
    """

    def make(records: Sequence[Record], title: str) -> Figure:
        fig, (axes,) = figure(1, width=5.2, height=3.4)
        runs = {v: of(records, experiment, v) for v in NAMES}
        for metric, label, color in names:
            for variant, name in NAMES.items():
                line(axes, runs[variant], metric, f"{label}, {name}", color=color, **STYLES[variant])
            raw = np.mean([r.metrics[f"{metric}_b0"] for r in runs["filter"]])
            axes.axhline(raw, color=color, linestyle=":", linewidth=0.8)
        axes.set_xlabel(X_LABEL)
        axes.set_ylabel("accuracy of a fresh classifier")
        axes.legend(fontsize=7)
        return finish(fig, title, records, f"dotted: raw codes; {weighted(runs['filter'])}")

    return make


def confusion(experiment: str, budgets: Sequence[tuple[str, str]], ticks: Sequence[str]) -> Callable:
    """Return a figure of confusion matrices, mean over seeds, rows normalised."""

    def make(records: Sequence[Record], title: str) -> Figure:
        runs = of(records, experiment, "filter")
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
        return finish(fig, title, runs, "share of each true class, mean over seeds, fresh classifier")

    return make


def digits(experiment: str) -> Callable:
    """Return a figure of digits as they are, decoded, and decoded from the filtered code."""

    def make(records: Sequence[Record], title: str) -> Figure:
        (record,) = [r for r in of(records, experiment, "filter") if "pictures_raw" in r.series]
        names = {"raw": "original", "decoded": "decoded (VAE)", "released": "decoded after the filter"}
        fig, panels = figure(3, width=2.0, height=2.2)
        for axes, (name, label) in zip(panels, names.items(), strict=True):
            values = np.array(record.series[f"pictures_{name}"], dtype=float).reshape(4, 5, 28, 28)
            axes.imshow(values.transpose(0, 2, 1, 3).reshape(4 * 28, 5 * 28), cmap="gray", vmin=0, vmax=1)
            axes.set_title(label)
            axes.set_axis_off()
        return finish(fig, title, [record], f"seed 0, b = {record.params['shown_budget']:g}")

    return make


def faces(*names: tuple[str, str]) -> Callable:
    """Return a figure of face grids, one panel per kind of picture."""

    def make(records: Sequence[Record], title: str) -> Figure:
        record = min((r for r in of(records, "faces_filter") if "pictures_raw" in r.series), key=lambda r: r.seed)
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
        record = min(of(records, "geometry"), key=lambda r: r.seed)
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
        runs = of(records, experiment, "filter")
        line(axes, runs, "mi", "mixed kNN (Ross)", color="C0")
        line(axes, runs, "mi_lnc", "LNC, difference form", color="C1", linestyle="none", marker="^")
        line(axes, runs, "private_bound", "H − CE, FC15", color="C2", linestyle="--")
        line(axes, runs, "mlp_bound", "H − CE, MLP", color="C3", linestyle="--", marker="s")
        axes.axhline(top, color="0.4", linestyle=":", linewidth=1)
        axes.set_title(name)
        axes.set_xlabel(X_LABEL)
        axes.legend(fontsize=7)
    panels[0].set_ylabel("I(z̃; y) (nats)")
    rows = {r.params["mi_rows"] for r in records if "mi_rows" in r.params}
    return finish(fig, title, records, f"dotted: ln of the classes; kNN on {max(rows):,} test codes at every budget")


def frontier(records: Sequence[Record], title: str) -> Figure:
    """Draw utility over private accuracy along the budget: the nearer the upper left the better (ours)."""
    fig, panels = figure(2, width=3.9, height=3.4, share_y=False)
    for axes, experiment, name in zip(panels, ("attack1", "attack2"), ("case 1", "case 2"), strict=True):
        for variant, style in STYLES.items():
            runs = of(records, experiment, variant)
            if not runs:
                continue
            for (private, utility), color, label in (
                (("private_balanced", "utility_balanced"), "C0", "FC15"),
                (("mlp_balanced", "mlp_utility_balanced"), "C1", "MLP"),
            ):
                x, y = curve(runs, private)[1], curve(runs, utility)[1]
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
    return finish(fig, title, records, "each curve runs from the raw codes (right) to the largest budget")


PRIVATE_UTILITY = [("private", "private", "C1"), ("utility", "utility", "C0")]

FIGURES: dict[str, Callable[[Sequence[Record], str], Figure]] = {
    "fig1": digits("attack1"),
    "fig3ab": confusion(
        "attack1", [("0", "(a) raw codes"), ("1.5", "(b) filtered, b = 1.5")], [str(d) for d in range(10)]
    ),
    "fig3c": sensitivity("attack1", PRIVATE_UTILITY),
    "fig4": scatter([("raw", "(a) raw"), ("digit_b1.5", "(b) b = 1.5"), ("digit_b5", "(c) b = 5")]),
    "fig5": faces(("raw", "original"), ("decoded", "decoded (VAE)"), ("behind_male", "gender hidden")),
    "fig10": faces(("raw", "original"), ("decoded", "decoded (VAE)")),
    "fig11": faces(("decoded", "(a) decoded (VAE)"), ("behind_attractive", "(b) attractive hidden")),
    "fig12": faces(("decoded", "(a) decoded (VAE)"), ("behind_eyeglasses", "(b) eyeglasses hidden")),
    "fig13": faces(("decoded", "(a) decoded (VAE)"), ("behind_hair", "(b) wavy hair hidden")),
    "fig6": digits("attack2"),
    "fig7a": confusion("attack2", [("3", "b = 3")], ["< 5", "≥ 5"]),
    "fig7b": sensitivity("attack2", PRIVATE_UTILITY),
    "fig7c": sensitivity("attack2", [*PRIVATE_UTILITY, ("nontarget", "circle", "C2")]),
    "fig8": scatter([("raw", "raw"), ("large_b3", "filtered, b = 3")]),
    "fig9": information,
    "frontier": frontier,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Draw one figure from the command line."""
    return draw(argv, "generative_filter", FIGURES, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
