"""The frontier from records: ``python -m benchmarks.removal.figures frontier out.svg out.png --records …``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from benchmarks.removal.readings import GROUNDS, METHODS, Frontier, frontiers
from common.plotting import figure, finish
from common.plotting.cli import draw
from common.results import Record

MARKERS = dict(zip(METHODS, "*osD^vP", strict=True))
# no line where there is one strength; black for the reference that every method is held to
COLOURS = {name: "0.1" if name == "none" else f"C{k - 1}" for k, name in enumerate(METHODS)}

# where a label may stand about its marker, in points: the nearest place that is free is taken
WAYS = ((1, 0.8), (1, -0.8), (-1, 0.8), (-1, -0.8), (0, 1.1), (0, -1.1), (1.4, 0), (-1.4, 0))
OFFSETS = np.array([(reach * x, reach * y) for reach in (8.0, 14.0, 20.0, 26.0, 32.0) for x, y in WAYS])


def frontier(records: Sequence[Record], title: str) -> Figure:
    """Draw a panel per ground: what is left of the task over what the worst attacker reads; upper left is best."""
    found = frontiers(records)
    grounds = [name for name in GROUNDS if any(f.ground == name for f in found)]
    fig, panels = figure(max(1, len(grounds)), width=4.2, height=3.9, share_y=False)
    handles: dict[str, object] = {}
    for axes, ground in zip(panels, grounds, strict=False):
        own = [f for f in found if f.ground == ground]
        for one in own:
            handles[METHODS[one.method]] = _line(axes, one)
        _frame(axes, ground, own)
    if handles:
        fig.legend(list(handles.values()), list(handles), loc="outside right upper", fontsize=7.5)
    attacked = [r for f in found for r in f.records]
    note = "upper left is best; worst of eight attackers by cross-validation; numbers: strength; bars: ± sd over seeds"
    finish(fig, title, attacked or records, note)
    fig.draw_without_rendering()  # the layout settles where a label finds room
    for axes, ground in zip(panels, grounds, strict=False):
        _label(axes, [f for f in found if f.ground == ground])
    return fig


def _line(axes: Axes, one: Frontier) -> object:
    """Draw one method through its strengths, with one standard deviation over seeds both ways."""
    read = _read(one)
    x, y = ([float(values.mean()) for values in side] for side in zip(*read, strict=True))
    dx, dy = ([float(v.std(ddof=1)) if len(v) > 1 else 0.0 for v in side] for side in zip(*read, strict=True))
    colour = COLOURS[one.method]
    drawn = axes.errorbar(
        x,
        y,
        xerr=dx if any(dx) else None,
        yerr=dy if any(dy) else None,
        fmt=MARKERS[one.method] + "-",
        color=colour,
        markersize=9 if one.method == "none" else 4.5,
        linewidth=1,
        elinewidth=0.6,
        zorder=3 if one.method == "none" else 2,
    )
    return drawn


def _read(one: Frontier) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return both readings of every strength, over seeds."""
    return [(one.values("worst_balanced", s), one.values("utility_balanced", s)) for s in one.strengths]


def _label(axes: Axes, own: Sequence[Frontier]) -> None:
    """Name the first and last strength of each method where the number hides no marker and no other number."""
    to_points = 72 / axes.figure.dpi
    means = {f.method: [(float(x.mean()), float(y.mean())) for x, y in _read(f)] for f in own}
    markers = axes.transData.transform([place for places in means.values() for place in places]) * to_points
    taken: list[NDArray[np.float64]] = []
    for one in own:
        for k in (0, -1) if len(one.strengths) > 1 else ():
            place = means[one.method][k]
            at = axes.transData.transform(place) * to_points
            best = min((at + way for way in OFFSETS), key=lambda centre: _crowding(centre, markers, taken))
            taken.append(best)
            axes.annotate(
                one.strengths[k],
                place,
                xytext=tuple(best - at),
                textcoords="offset points",
                ha="center",
                va="center",
                fontsize=6.5,
                color=COLOURS[one.method],
                zorder=5,
                path_effects=[withStroke(linewidth=2, foreground="w")],
            )


def _crowding(centre: NDArray[np.float64], markers: NDArray[np.float64], taken: Sequence[NDArray[np.float64]]) -> int:
    """Return how much a label at ``centre`` (points) would hide: numbers that stand already count more than markers."""
    label = np.abs(np.array(taken).reshape(-1, 2) - centre)
    marker = np.abs(markers - centre)
    return 10 * int(((label[:, 0] < 16) & (label[:, 1] < 8)).sum()) + int(
        ((marker[:, 0] < 9) & (marker[:, 1] < 6)).sum()
    )


def _frame(axes: Axes, ground: str, own: Sequence[Frontier]) -> None:
    """Label a panel and draw the chance levels of both labels."""
    name, private, utility = GROUNDS[ground]
    first = own[0]
    chance = float(first.values("chance", first.strengths[0])[0])
    for line in (axes.axvline, axes.axhline):  # both labels have as many classes, on every ground
        line(chance, color="0.4", linestyle=":", linewidth=1)
    reach = [v for one in own for s in one.strengths for v in one.values("utility_balanced", s)]
    axes.set_ylim(min(chance, float(np.min(reach))) - 3, float(np.max(reach)) + 4)
    axes.set_title(name)
    axes.set_xlabel(f"worst attacker on {private}, balanced accuracy (%)")
    axes.set_ylabel(f"fresh probe on {utility}, balanced accuracy (%)")
    axes.annotate("chance", (chance, 1), xycoords=("data", "axes fraction"), fontsize=6, color="0.4", va="top")


FIGURES: dict[str, Callable[[Sequence[Record], str], Figure]] = {"frontier": frontier}


def main(argv: Sequence[str] | None = None) -> int:
    """Draw one figure from the command line."""
    return draw(argv, "removal", FIGURES, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
