"""The command line that every paper's figures share: an artefact's name, files to write, records to read."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from common.plotting.figure import save
from common.results import Record, RecordError, read_many

Maker = Callable[[Sequence[Record], str], Figure]


def draw(argv: Sequence[str] | None, paper: str, figures: Mapping[str, Maker], description: str) -> int:
    """Draw one of ``figures`` into the files given; returns the exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m replications.{paper}.figures", description=description)
    parser.add_argument("artefact", choices=sorted(figures), help="figure to draw")
    parser.add_argument("files", type=Path, nargs="+", help="files to write (.svg, .png, .pdf)")
    parser.add_argument("--title", default="", help="title above the figure")
    parser.add_argument("--records", type=Path, nargs="+", required=True, help="records to draw from")
    options = parser.parse_args(argv)
    try:
        records = read_many(options.records)
        save(figures[options.artefact](records, f"{options.artefact}  {options.title}".strip()), options.files)
    except (RecordError, KeyError, OSError) as error:
        cause = f"the records hold no {error}" if isinstance(error, KeyError) else str(error)
        print(f"{paper} {options.artefact}: {cause}", file=sys.stderr)
        return 1
    return 0
