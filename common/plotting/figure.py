"""Makes, stamps and saves figures in the house style."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.results import Record
from common.results.atomic import write_atomically
from common.results.select import seeds_in_words

plt.style.use(Path(__file__).with_name("style.mplstyle"))

LINE = 0.12  # inches of one line of the stamp
# Where each format keeps words about a file, and what to leave out that changes with day and library.
_METADATA = {"svg": ("Description", "Date"), "png": ("Description", "Software"), "pdf": ("Subject", "CreationDate")}


def figure(panels: int = 1, width: float = 3.4, height: float = 2.7, share_y: bool = True) -> tuple[Figure, list[Axes]]:
    """Return a figure with ``panels`` axes side by side; width and height are inches per panel."""
    fig, axes = plt.subplots(1, panels, figsize=(max(width * panels, 4.2), height), squeeze=False, sharey=share_y)
    return fig, list(axes[0])


def finish(fig: Figure, title: str, records: Sequence[Record], *notes: str, lost_too: bool = False) -> Figure:
    """Add the title and the stamp: scale, seeds, data, notes; a stand-in is written across the figure.

    Both, and what made the records, become the figure's label, which :func:`save` writes into the file.
    """
    fig.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    wide = int(fig.get_figwidth() * 19)  # characters of the stamp's size that fit one line
    words = stamp(records, *notes, lost_too=lost_too)
    text = textwrap.fill(words, wide, break_long_words=False, break_on_hyphens=False)
    # A long stamp lengthens the figure: it must not press its panels flat.
    fig.set_figheight(fig.get_figheight() + LINE * max(0, text.count("\n") - 1))
    fig.supxlabel(text, x=0.01, ha="left", fontsize=6.5, color="0.35")
    fig.set_label(f"{title}. {words}. {made_by(records)}")
    if any(record.dataset.kind == "stand-in" for record in records):
        fig.text(0.5, 0.5, "STAND-IN DATA", rotation=25, ha="center", va="center", fontsize=26, color="red", alpha=0.3)
    return fig


def stamp(records: Sequence[Record], *notes: str, lost_too: bool = False) -> str:
    """Return one line that says at which scale, in which variants, over how many seeds and on which data it stands.

    The seeds are those of a cell that ended well, of a figure about ``lost_too`` runs all; cells that have different
    numbers of them are told as a range.
    ``notes`` say what is drawn and how; an empty one is left out.
    """
    variants = ", ".join(sorted({record.variant for record in records}))
    scales = ", ".join(sorted({record.scale for record in records}))
    data = "; ".join(sorted({record.dataset.words for record in records}))
    bad = sum(record.status != "ok" for record in records)
    parts = [f"scale {scales}", f"variant {variants}", seeds_in_words(records, lost_too), data]
    parts += [f"{bad} record(s) diverged or failed"] if bad else []
    return "  ·  ".join([*parts, *filter(None, notes)])


def made_by(records: Sequence[Record]) -> str:
    """Return one line that names the commits the records were made at, marked where the tree had changes of its own."""
    made = [record.provenance for record in records]
    commits = sorted({origin.commit[:12] + (" with changes" if origin.dirty else "") for origin in made})
    return f"Made at commit {', '.join(commits)}"


def save(fig: Figure, paths: Sequence[Path]) -> None:
    """Write the figure in the format of each path's ending, whole or not at all, without a date inside.

    Its label goes with it as a description: a picture found alone still says what it shows and which code made it.
    """
    for path in map(Path, paths):
        buffer = io.BytesIO()
        kind = path.suffix.lstrip(".")
        words, changing = _METADATA[kind]
        fig.savefig(buffer, format=kind, metadata={changing: None, words: fig.get_label() or None})
        write_atomically(path, buffer.getvalue())
    plt.close(fig)
