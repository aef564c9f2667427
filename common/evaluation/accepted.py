"""The files that ``accept`` writes, numbers and claims alike: CSV with set columns, one row per key, read strictly."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from common.evaluation import AgreementError
from common.results.atomic import write_together

SCALES = ("paper", "reduced", "quick")


class Keyed(Protocol):
    """A row that names itself."""

    @property
    def key(self) -> Hashable: ...  # noqa: D102


Row = TypeVar("Row", bound=Keyed)


def read_accepted(path: Path, columns: Sequence[str], parse: Callable[[str, dict[str, str]], Row]) -> list[Row]:
    """Read a file row by row; none where it does not exist. A slip is an AgreementError of one line: its place.

    ``parse`` makes a row of the place and the cells, whose number and scale are checked before.
    """
    path = Path(path)
    if not path.exists():
        return []
    try:
        return _read(path, path.read_text(encoding="utf-8"), columns, parse)
    except (UnicodeDecodeError, csv.Error) as error:
        raise AgreementError(f"{path}: not readable as CSV: {error}; write the file with accept()") from None


def _read(path: Path, text: str, columns: Sequence[str], parse: Callable[[str, dict[str, str]], Row]) -> list[Row]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    if tuple(reader.fieldnames or ()) != tuple(columns):
        raise AgreementError(f"{path}:1: columns: write {','.join(columns)}")
    rows: dict[Hashable, Row] = {}
    for cells in reader:
        where = f"{path}:{reader.line_num}"
        if None in cells or None in cells.values():
            raise AgreementError(f"{where}: not {len(columns)} cells; write the file with accept()")
        if cells["scale"] not in SCALES:
            raise AgreementError(f"{where}: scale: {cells['scale']!r} is none of {', '.join(SCALES)}")
        row = parse(where, cells)
        if row.key in rows:
            raise AgreementError(f"{where}: {row.key!r} comes twice; keep one")
        rows[row.key] = row
    return list(rows.values())


def write_accepted(contents: Mapping[Path, str]) -> None:
    """Write files of accepted rows, all of them or none; one that would be empty goes."""
    write_together({path: text for path, text in contents.items() if text})
    for path in (path for path, text in contents.items() if not text):
        path.unlink(missing_ok=True)
