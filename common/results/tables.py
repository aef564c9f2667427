"""The command line that every paper's tables share: records in, one table out as csv and markdown."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from common.results.atomic import write_atomically
from common.results.schema import Record
from common.results.store import RecordError, read_many

Maker = Callable[[Sequence[Record]], pd.DataFrame]


def write_table(argv: Sequence[str] | None, paper: str, tables: Mapping[str, Maker], description: str) -> int:
    """Write one of ``tables`` into the files given; returns the exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m replications.{paper}.tables", description=description)
    parser.add_argument("artefact", choices=sorted(tables), help="table to make")
    parser.add_argument("files", type=Path, nargs="+", help="files to write (.csv, .md)")
    parser.add_argument("--title", default="", help="title above the table")
    parser.add_argument("--records", type=Path, nargs="+", required=True, help="records to read")
    options = parser.parse_args(argv)
    try:
        records = read_many(options.records)
        frame = tables[options.artefact](records)
    except (RecordError, KeyError) as error:
        cause = f"the records hold no {error}" if isinstance(error, KeyError) else str(error)
        print(f"{paper} {options.artefact}: {cause}", file=sys.stderr)
        return 1
    try:
        for path in options.files:
            text = frame.to_csv(index=False) if path.suffix == ".csv" else _markdown(frame, options, records)
            write_atomically(path, text)
    except OSError as error:
        print(f"{paper} {options.artefact}: {error}", file=sys.stderr)
        return 1
    return 0


def _markdown(frame: pd.DataFrame, options: argparse.Namespace, records: Sequence[Record]) -> str:
    """Return the frame as a markdown table under its title, with what ± means and what it stands on."""
    lines = [f"**{options.artefact}** {options.title}".strip(), ""]
    lines.append("| " + " | ".join(map(str, frame.columns)) + " |")
    lines.append("| " + " | ".join("---" for _ in frame.columns) + " |")
    lines += [
        "| " + " | ".join(str(v).replace("|", "\\|") for v in row) + " |" for row in frame.itertuples(index=False)
    ]
    scales = ", ".join(sorted({r.scale for r in records}))
    data = ", ".join(sorted({f"{r.dataset.name} ({r.dataset.kind})" for r in records}))
    seeds = len({r.seed for r in records})
    lines += ["", f"± is the standard deviation over {seeds} seeds; scale {scales}; data {data}."]
    return "\n".join(lines) + "\n"
