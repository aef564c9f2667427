"""``published.csv``: every number that a paper prints and that can be measured, one row each.

A number known to be a slip keeps its printed value and says so in its note.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

from common.evaluation import AgreementError

COLUMNS = (
    "artefact",
    "entry",
    "metric",
    "direction",
    "value",
    "spread",
    "spread_kind",
    "n_runs",
    "where",
    "tolerance",
    "note",
)
SPREAD_KINDS = ("sd", "sem", "none")

Key = tuple[str, str, str]


class PublishedError(AgreementError):
    """A slip in ``published.csv``: one line that names file, line, column, what is wrong and the cure."""


@dataclass(frozen=True)
class Published:
    """One printed number.

    ``sign`` and ``reference`` say that it is printed above (``>``) or below (``<``) the row ``reference``.
    ``tolerance`` is absolute, in the units of ``value``. Without one the value is not ours to compare, as seconds of
    another machine are, and the row can earn its direction at most: "equal" means nothing until it is said how equal.
    ``printed`` is the value's own text: 0.30 is rounded to a hundredth, where 0.3 is to a tenth.
    """

    artefact: str
    entry: str
    metric: str
    value: float
    where: str
    sign: str = ""
    reference: Key | None = None
    spread: float | None = None
    spread_kind: str = "none"
    n_runs: int | None = None
    tolerance: float | None = None
    note: str = ""
    line: int = 0
    printed: str = ""

    @property
    def key(self) -> Key:
        """Artefact, entry and metric, which name the row."""
        return (self.artefact, self.entry, self.metric)

    @property
    def sd(self) -> float | None:
        """The printed spread as a standard deviation over runs, or None where it or its n is not printed."""
        if self.spread is None or self.n_runs is None:
            return None
        return self.spread * math.sqrt(self.n_runs) if self.spread_kind == "sem" else self.spread


def read_published(path: Path) -> list[Published]:
    """Read a paper's printed numbers in the order of the file; raises :class:`PublishedError`."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise PublishedError(f"{path}: no such file; it starts with the line {','.join(COLUMNS)}") from None
    except UnicodeDecodeError as error:
        raise PublishedError(f"{path}: not UTF-8 ({error.reason}); save it as UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    drafts: list[tuple[Published, str]] = []
    try:
        _check_header(path, next(reader, []))
        for cells in reader:
            if cells:
                drafts.append(_Row(path, reader.line_num, cells).draft())
    except csv.Error as error:
        raise PublishedError(
            f"{path}:{reader.line_num}: not CSV ({error}); put text that holds a comma or a quote "
            f'into double quotes, and double the quotes within: "a ""b"" c"'
        ) from None
    return _resolve(path, drafts)


def printed_for(path: Path, artefact: str) -> dict[str, Published]:
    """Return one artefact's printed numbers by entry: what its figure draws beside ours."""
    return {row.entry: row for row in read_published(path) if row.artefact == artefact}


def _check_header(path: Path, header: list[str]) -> None:
    """Hold the first line to the columns of the format, in their order."""
    if tuple(header) != COLUMNS:
        missing = [c for c in COLUMNS if c not in header]
        unknown = [c for c in header if c not in COLUMNS]
        what = "; ".join(
            [f"missing {', '.join(missing)}"] * bool(missing)
            + [f"unknown {', '.join(map(repr, unknown))}"] * bool(unknown)
        )
        raise PublishedError(f"{path}:1: columns: {what or 'wrong order'}; write {','.join(COLUMNS)}")


class _Row:
    """One line while it is being read: turns cells into a draft or into an error that names its place."""

    def __init__(self, path: Path, line: int, cells: list[str]) -> None:
        self.path, self.line = path, line
        if len(cells) != len(COLUMNS):
            raise PublishedError(
                f"{path}:{line}: {len(cells)} cells where the header has {len(COLUMNS)}; "
                "put text that holds a comma into double quotes"
            )
        self.cell = {name: cell.strip() for name, cell in zip(COLUMNS, cells, strict=True)}

    def fail(self, column: str, what: str) -> PublishedError:
        """Return the error of one column."""
        return PublishedError(f"{self.path}:{self.line}: {column}: {what}")

    def text(self, column: str) -> str:
        """Return a cell that must not be empty."""
        if not self.cell[column]:
            raise self.fail(column, "is empty; every row needs one")
        return self.cell[column]

    def number(self, column: str) -> float | None:
        """Return a finite number, or None where the cell is empty."""
        cell = self.cell[column]
        if not cell:
            return None
        try:
            value = float(cell)
        except ValueError:
            raise self.fail(column, f"{cell!r} is not a number; write digits with a point") from None
        if not math.isfinite(value):
            raise self.fail(column, f"{cell!r} is not finite; leave the row out or print the number")
        return value

    def draft(self) -> tuple[Published, str]:
        """Return the row without its reference, and the text of its direction."""
        value = self.number("value")
        if value is None:
            raise self.fail("value", "is empty; every row needs the printed number")
        spread, kind, n_runs = self._spread()
        tolerance = self.number("tolerance")
        if tolerance is not None and tolerance <= 0:
            raise self.fail("tolerance", f"{tolerance:g} is not above zero; leave it empty where none is set")
        if tolerance is not None and kind == "none" and not self.cell["note"]:
            raise self.fail("note", "is empty; a tolerance without a printed spread is argued in the note")
        row = Published(
            artefact=self.text("artefact"),
            entry=self.text("entry"),
            metric=self.text("metric"),
            value=value,
            where=self.text("where"),
            spread=spread,
            spread_kind=kind,
            n_runs=n_runs,
            tolerance=tolerance,
            note=self.cell["note"],
            line=self.line,
            printed=self.cell["value"],
        )
        return row, self.cell["direction"]

    def _spread(self) -> tuple[float | None, str, int | None]:
        """Return the printed spread, its kind and its number of runs, which must fit each other."""
        spread, kind, runs = self.number("spread"), self.cell["spread_kind"], self.cell["n_runs"]
        if kind not in SPREAD_KINDS:
            raise self.fail("spread_kind", f"{kind!r} is none of {', '.join(SPREAD_KINDS)}")
        if (spread is None) != (kind == "none"):
            cure = "print the spread, or write none" if spread is None else "write sd or sem"
            raise self.fail("spread_kind", f"{kind!r} with spread {self.cell['spread']!r}; {cure}")
        if spread is not None and spread < 0:
            raise self.fail("spread", f"{spread:g} is below zero; a spread is not negative")
        if runs and not (runs.isascii() and runs.isdigit() and int(runs) >= 1):
            raise self.fail("n_runs", f"{runs!r} is not a count; write 1, 2, … or leave it empty")
        n_runs = int(runs) if runs else None
        if n_runs == 1 and kind != "none":
            raise self.fail(
                "n_runs", "one run has no spread over runs; if ± means something else write none, and a note"
            )
        return spread, kind, n_runs


def _resolve(path: Path, drafts: list[tuple[Published, str]]) -> list[Published]:
    """Give each row its reference row, and refuse rows that come twice."""
    by_key: dict[Key, Published] = {}
    by_entry: dict[tuple[str, str], list[Published]] = {}
    for row, _ in drafts:
        if row.key in by_key:
            raise PublishedError(
                f"{path}:{row.line}: entry: {':'.join(row.key)} stands already in line {by_key[row.key].line}; "
                "give it an entry of its own"
            )
        by_key[row.key] = row
        by_entry.setdefault(row.key[:2], []).append(row)
    return [_with_reference(path, row, text, by_entry) if text else row for row, text in drafts]


def _with_reference(
    path: Path, row: Published, text: str, by_entry: dict[tuple[str, str], list[Published]]
) -> Published:
    """Return ``row`` with the reference that ``text`` names, once the printed values agree with its sign."""

    def fail(what: str) -> PublishedError:
        return PublishedError(f"{path}:{row.line}: direction: {what}")

    sign, (artefact, colon, entry) = text[0], text[1:].strip().partition(":")
    if sign not in "<>" or not colon:
        raise fail(f"{text!r} is not > or < and artefact:entry; leave it empty where there is no reference")
    found = by_entry.get((artefact.strip(), entry.strip()), [])
    if len(found) > 1:
        found = [other for other in found if other.metric == row.metric]
    if not found:
        raise fail(f"{text[1:].strip()!r} is no row of this file with metric {row.metric!r}; name one that is")
    reference = found[0]
    if reference.key == row.key:
        raise fail("the row refers to itself; name its baseline or its neighbour")
    printed = row.value > reference.value if sign == ">" else row.value < reference.value
    if not printed:
        raise fail(
            f"{row.value:g} {sign} {reference.value:g} (line {reference.line}) is not what is printed; "
            "turn the sign or leave it empty"
        )
    return Published(**{**row.__dict__, "sign": sign, "reference": reference.key})
