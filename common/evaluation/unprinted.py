"""``unprinted.csv``: accepted numbers that the paper does not print, such as how well an attacker reads its own rows.

One row per metric of a cell and scale that an artefact asks for (``unprinted`` in ``config.yaml``). No verdict: there
is nothing to hold them to. They are kept as :mod:`common.evaluation.reproduced` keeps the printed ones, so that a
number in a paper's README can be found again when its records are gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import astuple, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from common.evaluation import AgreementError
from common.evaluation.accepted import SCALES, read_accepted
from common.evaluation.cells import CellReader, describe_data, describe_origin, is_stand_in
from common.evaluation.statistics import summarise
from common.evaluation.tables import number, to_csv
from common.results.schema import Record

COLUMNS = ("cell", "metric", "mean", "sd", "n", "scale", "data", "device", "commit")


class Asks(Protocol):
    """An artefact: its cells, and which of their metrics are kept though the paper does not print them."""

    @property
    def cells(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def unprinted(self) -> tuple[str, ...]: ...  # noqa: D102


@dataclass(frozen=True)
class Unprinted:
    """One number, in the order of the columns; ``cell`` is ``experiment/variant``."""

    cell: str
    metric: str
    mean: float
    sd: float | None
    n: int
    scale: str
    data: str
    device: str
    commit: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Cell, metric and scale, which name the row."""
        return (self.cell, self.metric, self.scale)


def unprinted_path(reproduced: Path) -> Path:
    """Return the file beside a paper's accepted numbers."""
    return Path(reproduced).with_name("unprinted.csv")


def read_unprinted(path: Path) -> list[Unprinted]:
    """Read the numbers; none where the file does not exist. A slip is an AgreementError: its place."""
    return read_accepted(path, COLUMNS, _parse)


def asked_cells(artefacts: Iterable[Asks]) -> tuple[str, ...]:
    """Return the cells of which some metric is kept, ``experiment/variant``, each once."""
    return tuple(dict.fromkeys(cell for artefact in artefacts if artefact.unprinted for cell in artefact.cells))


def fresh_rows(artefacts: Iterable[Asks], reader: CellReader, scale: str) -> list[Unprinted]:
    """Return what the records say of the metrics that the artefacts ask for; a stand-in's numbers are none.

    Over the seeds that finished and have the metric.
    """
    found: dict[tuple[str, str, str], Unprinted] = {}
    for artefact in artefacts:
        for pattern in artefact.unprinted:
            named = _named(pattern, artefact, reader)
            rows = [_row(cell, metric, reader(*cell.split("/")), scale) for cell, metric in named]
            found |= {row.key: row for row in rows if row is not None}
    return list(found.values())


def unanswered(artefacts: Iterable[Asks], reader: CellReader) -> list[str]:
    """Return one line for each pattern that no metric answers to though all its cells were run: a slip, perhaps.

    Perhaps not: a run may be too short for a metric, or lost before it.
    """
    return [
        f"unprinted: {pattern!r} names no metric of {', '.join(artefact.cells)}"
        for artefact in artefacts
        for pattern in artefact.unprinted
        if all(reader(*cell.split("/")) for cell in artefact.cells) and not _named(pattern, artefact, reader)
    ]


def merged(artefacts: Collection[Asks], reader: CellReader, scale: str, path: Path) -> list[Unprinted]:
    """Return the rows as they would be with those of the records in place of theirs; a cell run anew keeps no old row.

    Rows that no artefact asks for any more go. Order: as the artefacts have the cells, metric, scale.
    """
    cells = asked_cells(artefacts)
    again = {cell for cell in cells if reader(*cell.split("/"))}
    before = [row for row in read_unprinted(path) if row.scale != scale or row.cell not in again]
    asked = [row for row in before if any(_asks(artefact, row) for artefact in artefacts)]
    asked += fresh_rows(artefacts, reader, scale)
    return sorted(asked, key=lambda row: (cells.index(row.cell), row.metric, SCALES.index(row.scale)))


def as_csv(rows: Sequence[Unprinted]) -> str:
    """Return the text of the file; none where there are no rows."""
    cells = ([number(v) if isinstance(v, float) else "" if v is None else str(v) for v in astuple(r)] for r in rows)
    return to_csv(COLUMNS, cells) if rows else ""


def _named(pattern: str, artefact: Asks, reader: CellReader) -> list[tuple[str, str]]:
    """Return the cells and metrics of an artefact's records that a pattern names."""
    metrics = {cell: sorted({name for r in reader(*cell.split("/")) for name in r.metrics}) for cell in artefact.cells}
    return [(cell, name) for cell, names in metrics.items() for name in names if fnmatchcase(name, pattern)]


def _asks(artefact: Asks, row: Unprinted) -> bool:
    return row.cell in artefact.cells and any(fnmatchcase(row.metric, pattern) for pattern in artefact.unprinted)


def _row(cell: str, metric: str, records: Sequence[Record], scale: str) -> Unprinted | None:
    """Return one metric of a cell over the seeds that finished with it; None without any, or on a stand-in."""
    data = describe_data(records)
    values = [r.metrics[metric] for r in records if r.status == "ok" and metric in r.metrics]
    if not values or is_stand_in(data):
        return None
    summary = summarise(values)
    return Unprinted(cell, metric, summary.mean, summary.sd, summary.n, scale, data, *describe_origin(records))


def _parse(where: str, cells: dict[str, str]) -> Unprinted:
    """Return one line as a number."""
    try:
        mean, sd, n = float(cells["mean"]), float(cells["sd"]) if cells["sd"] else None, int(cells["n"])
    except ValueError as error:
        raise AgreementError(f"{where}: mean, sd or n: {error}; write the file with accept()") from None
    return Unprinted(**{**cells, "mean": mean, "sd": sd, "n": n})
