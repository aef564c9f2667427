"""What the panels share: a metric in words, what a chart's values are, and a limit with its name."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from common.results import Record
from common.results.select import of, values


def final(records: Sequence[Record], metric: str) -> str:
    """Return mean ± sd over seeds of a metric, with n."""
    found = values(records, metric)
    if not len(found):
        return "no finite value"
    sd = f" ± {np.std(found, ddof=1):.2g}" if len(found) > 1 else ""
    return f"{np.mean(found):.3g}{sd} (n={len(found)})"


def last_points(runs: Sequence[Record]) -> str:
    """Return of how many of a chart's points the values of section 3.5 are the mean."""
    found = sorted({r.params["chart_points"] for r in runs if "chart_points" in r.params})
    return f"last {' or '.join(map(str, found))} points"


def penalised(runs: Sequence[Record]) -> bool:
    """Return whether reported values and charts include the critic's penalty (D3); older records name it otherwise."""
    return any(r.params.get("penalised", False) for r in runs)


def classifiers(records: Sequence[Record], experiment: str, metric: str) -> str:
    """Return our line on a fresh classifier's bound on a utility, nothing where no such record is given."""
    judged = of(records, experiment)
    return f"ours: cross-entropy bound {final(judged, metric)}" if judged else ""


def limit(axes: Axes, value: float, name: str, aside: bool = False) -> None:
    """Draw a limit dotted, its name on white above its right end or, where curves run there, ``aside`` the panel."""
    axes.axhline(value, color="0.3", linestyle=":", linewidth=1)
    axes.annotate(
        textwrap.fill(name, 14) if aside else name,
        (1, value),
        (4, 0) if aside else (0, 1.5),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="left" if aside else "right",
        va="center" if aside else "bottom",
        fontsize=7,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
    )
