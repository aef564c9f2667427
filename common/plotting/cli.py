"""The command line of every paper's figures: one of them drawn from records into files."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence

from matplotlib.figure import Figure

from common.plotting.figure import save
from common.results import Record
from common.results.command import make

Maker = Callable[[Sequence[Record], str], Figure]


def draw(argv: Sequence[str] | None, paper: str, figures: Mapping[str, Maker], description: str) -> int:
    """Draw one of ``figures`` into the files given; returns the exit status."""

    def write(options: argparse.Namespace, records: Sequence[Record]) -> None:
        save(figures[options.artefact](records, f"{options.artefact}  {options.title}".strip()), options.files)

    return make(argv, f"{paper}.figures", figures, ".svg, .png, .pdf", description, write)
