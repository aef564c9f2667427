"""Every paper's tables: mean ± sd of a metric, and the command line, records in, one table out as csv and markdown."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from common.results.atomic import write_atomically
from common.results.command import make
from common.results.schema import Record
from common.results.select import seeds_in_words, values

Maker = Callable[[Sequence[Record]], pd.DataFrame]


def write_table(argv: Sequence[str] | None, paper: str, tables: Mapping[str, Maker], description: str) -> int:
    """Write one of ``tables`` into the files given; returns the exit status."""

    def write(options: argparse.Namespace, records: Sequence[Record]) -> None:
        frame = tables[options.artefact](records)
        for path in options.files:
            text = frame.to_csv(index=False) if path.suffix == ".csv" else _markdown(frame, options, records)
            write_atomically(path, text)

    return make(argv, f"{paper}.tables", tables, ".csv, .md", description, write)


def spread(records: Sequence[Record], metric: str, digits: int = 3, kind: str = "f") -> str:
    """Return mean ± sd over the seeds that ended well and have the metric, as ``kind``; nothing where none has."""
    found = pd.Series(values(records, metric))
    if found.empty:
        return ""
    mean = f"{found.mean():.{digits}{kind}}"
    return f"{mean} ± {found.std():.{digits}{kind}}" if len(found) > 1 else mean


def _markdown(frame: pd.DataFrame, options: argparse.Namespace, records: Sequence[Record]) -> str:
    """Return the frame as a markdown table under its title, with what ± means and what it stands on."""
    lines = [f"**{options.artefact}** {options.title}".strip(), ""]
    lines.append("| " + " | ".join(map(str, frame.columns)) + " |")
    lines.append("| " + " | ".join("---" for _ in frame.columns) + " |")
    lines += [
        "| " + " | ".join(str(v).replace("|", "\\|") for v in row) + " |" for row in frame.itertuples(index=False)
    ]
    scales = ", ".join(sorted({r.scale for r in records}))
    data = "; ".join(sorted({r.dataset.words for r in records}))
    said = f"± is the standard deviation over {seeds_in_words(records)}; scale {scales}; data {data}."
    lines += ["", said + _left_out(records)]
    return "\n".join(lines) + "\n"


def _left_out(records: Sequence[Record]) -> str:
    """Return a sentence on the runs that no mean ± sd counts; nothing where all ended well."""
    found = Counter(record.status for record in records if record.status != "ok")
    counted = " and ".join(f"{count} {status}" for status, count in sorted(found.items()))
    return f" Of {len(records)} runs {counted}: in no mean." if found else ""
