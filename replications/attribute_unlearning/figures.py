"""The figures from records: ``python -m replications.attribute_unlearning.figures fig5 out.svg out.png --records …``.

Axes as in the paper. Ours: bars carry one standard deviation over seeds, pictures their PSNR, heat-maps their numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from common.plotting import figure, finish
from common.plotting.cli import draw
from common.results import Record
from common.results.select import values
from replications.attribute_unlearning.attacked import DEPTHS, SETS, attacks, trained_on
from replications.attribute_unlearning.attention import attention_figure
from replications.attribute_unlearning.pictures import gradcam_figure, reconstruction_figure, trained_as

METHODS = {"area": "baseline 2: area removed", "unlearn": "attribute unlearning", "before": "baseline 1: before"}
HATCHED: dict[str, Any] = {"fill": False, "hatch": "////", "edgecolor": "0.5", "linewidth": 0}


def aum_bars(records: Sequence[Record], title: str) -> Figure:
    """Draw Figure 5: AUM of the three methods per network, a panel for each data set.

    Runs that diverged have no bar: an attack that learnt nothing would look like unlearning.
    """
    panels = [name for name in SETS if any(attacks(records, name, m, d) for m in METHODS for d in DEPTHS)]
    fig, all_axes = figure(len(panels), width=2.9, height=3.0)
    for axes, name in zip(all_axes, panels, strict=True):
        for place, (method, label) in enumerate(METHODS.items()):
            for k, depth in enumerate(DEPTHS):
                seen = values(attacks(records, name, method, depth), f"aum_r{depth}")
                if not len(seen):
                    continue
                error = seen.std(ddof=1) if len(seen) > 1 else None
                axes.bar(k + (place - 1) * 0.27, seen.mean(), 0.25, yerr=error, color=f"C{place}", label=label)
        axes.set_xticks(range(len(DEPTHS)), [f"ResNet-{d}" for d in DEPTHS], fontsize=7)
        axes.set_title(SETS[name])
        axes.set_xlim(-0.5, len(DEPTHS) - 0.5)
        axes.set_ylim(0, 1)
    all_axes[0].set_ylabel("AUM")
    found = {label: bar for axes in all_axes for bar, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    shown = [label for label in METHODS.values() if label in found]  # a panel may lack a method that another has
    fig.legend([found[label] for label in shown], shown, loc="outside upper right", ncols=3, fontsize=7)
    spread = "bars: one standard deviation over seeds, where there are several"
    return finish(fig, title, records, spread, *filter(None, (trained_per_depth(records, name) for name in panels)))


def trained_per_depth(records: Sequence[Record], data: str) -> str:
    """Return on what each network of a data set was trained, as the attacks on it say: fewer images, another number."""
    found: dict[str, list[int]] = {}
    for depth in DEPTHS:
        if told := trained_on([r for m in METHODS for r in attacks(records, data, m, depth)], depth):
            found.setdefault(told, []).append(depth)
    of_each = [f"ResNet-{', -'.join(map(str, depths))} {told}" for told, depths in found.items()]
    return f"{SETS[data]}: {'; '.join(of_each)}" if of_each else ""


def heat_maps(records: Sequence[Record], title: str) -> Figure:
    """Draw Figure 6: AUM over lambda3 (x) and lambda2 (y), a panel for each lambda1, all on one scale of colours.

    A pair is the mean over the seeds whose run of it ended well; where another diverged it is hatched, and blank where
    none is left. Without a single pair there is a KeyError.
    """
    by = {r.params["lambda1"]: [q for q in records if q.params["lambda1"] == r.params["lambda1"]] for r in records}
    panels = {l1: aum_grid(by[l1]) for l1 in sorted(by, reverse=True)}
    found = np.concatenate([grid.ravel() for grid, _ in panels.values()])
    if np.isnan(found).all():
        raise KeyError("aum: no pair of lambdas ended well")
    low, high = np.nanmin(found) - 0.01, np.nanmax(found) + 0.01
    fig, all_axes = figure(len(by), width=3.3, height=3.2)
    for axes, (l1, (grid, lost)) in zip(all_axes, panels.items(), strict=True):
        shown = axes.imshow(grid, origin="lower", cmap="viridis", vmin=low, vmax=high)
        for (i, j), value in np.ndenumerate(grid):
            if lost[i, j]:
                axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, **HATCHED))
            if not np.isnan(value):
                colour = "k" if value > (low + high) / 2 else "w"
                axes.text(j, i, f"{value:.3f}", ha="center", va="center", color=colour, fontsize=7)
        p = by[l1][0].params
        axes.set_xticks(range(len(p["grid3"])), [f"{v:g}" for v in p["grid3"]])
        axes.set_yticks(range(len(p["grid2"])), [f"{v:g}" for v in p["grid2"]])
        axes.grid(visible=False)
        axes.set_xlabel("λ3")
        axes.spines[:].set_visible(False)
        axes.set_title(f"λ1 = {l1:g}")
    all_axes[0].set_ylabel("λ2")
    fig.colorbar(shown, ax=all_axes, label="AUM")
    diverged = any(lost.any() for _, lost in panels.values())
    if diverged:
        fig.legend([Rectangle((0, 0), 1, 1, **HATCHED)], ["a run diverged there"], loc="outside upper right")
    notes = "mean of the seeds that ended well at a pair", trained_as(records)
    return finish(fig, title, records, *notes, lost_too=diverged)


def aum_grid(runs: Sequence[Record]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the mean AUM of each pair of lambdas (lambda2, lambda3), NaN where none has it, and where a run lacks it.

    A run that diverged at some pairs keeps the numbers of the others.
    """
    p = runs[0].params
    names = [[f"aum_{a}_{b}" for b in p["grid3"]] for a in p["grid2"]]
    kept = [[[r.metrics[name] for r in runs if name in r.metrics] for name in row] for row in names]
    grid = np.array([[np.mean(cell) if cell else np.nan for cell in row] for row in kept])
    return grid, np.array([[len(cell) < len(runs) for cell in row] for row in kept])


FIGURES: dict[str, Callable[[Sequence[Record], str], Figure]] = {
    "fig3": gradcam_figure,
    "fig4": reconstruction_figure,
    "fig5": aum_bars,
    "fig6": heat_maps,
    "attention": attention_figure,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Draw one figure from the command line."""
    return draw(argv, "attribute_unlearning", FIGURES, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
