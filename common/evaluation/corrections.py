"""``CORRECTIONS.md``: why a verdict changed. One line of its table per change, read and checked like any other input.

The table's columns are those of :data:`COLUMNS`; a standing is written ``differs at 6.07 (n=3)``, or ``not run``, and
``holds`` or ``fails`` for a claim (row ``claim:C8a``). Lines of one row follow each other in time: what a line leaves
is what the next one starts from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from common.evaluation import AgreementError
from common.evaluation.claims import OUTCOMES
from common.evaluation.verdicts import VERDICTS

COLUMNS = ("date", "paper", "row", "scale", "was", "is", "why")
_STANDING = re.compile(r"(?P<verdict>[a-z ]+?)(?: at (?P<mean>[-+0-9.e]+) \(n=(?P<n>[1-9][0-9]*)\))?")
_VALID = (*VERDICTS, *OUTCOMES)
_BAR = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Standing:
    """What was said of a row: its verdict, and the mean over ``n`` seeds that bore it."""

    verdict: str
    mean: float | None = None
    n: int = 0

    def __str__(self) -> str:
        return self.verdict if self.mean is None else f"{self.verdict} at {self.mean:.6g} (n={self.n})"


@dataclass(frozen=True)
class Change:
    """One row's verdict, before and after; ``paper`` is followed by ``/reading`` where it is one of its readings."""

    paper: str
    row: str
    scale: str
    was: Standing
    now: Standing

    @property
    def place(self) -> tuple[str, str, str]:
        """Paper, row and scale: which verdict it is that changes."""
        return (self.paper, self.row, self.scale)

    def line(self, day: str, why: str = "") -> str:
        """Return the line of the table that records this change; its reason is for a person to give."""
        cells = (day, self.paper, self.row, self.scale, str(self.was), str(self.now), why)
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


@dataclass(frozen=True)
class Correction:
    """One line of the table: a change, its day and its reason."""

    line: int
    day: str
    change: Change
    why: str


def read_corrections(path: Path) -> list[Correction]:
    """Read the table of ``CORRECTIONS.md``; a slip is an AgreementError of one line: its place, what is valid."""
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise AgreementError(f"{path}: no such file; it holds the table | {' | '.join(COLUMNS)} |") from None
    except UnicodeDecodeError as error:
        raise AgreementError(f"{path}: not a text: {error}") from None
    heads = [number for number, line in enumerate(lines, start=1) if _cells(line) == COLUMNS]
    if len(heads) != 1:
        raise AgreementError(f"{path}: {len(heads)} tables with the head | {' | '.join(COLUMNS)} |; keep one")
    found: list[Correction] = []
    for number, line in enumerate(lines[heads[0] + 1 :], start=heads[0] + 2):  # below the head and its rule
        if not line.startswith("|"):
            break
        found.append(_parse(f"{path}:{number}", number, _cells(line)))
        _follows(f"{path}:{number}", found)
    return found


def unexplained(changes: Iterable[Change], corrections: Sequence[Correction]) -> list[Change]:
    """Return the changes from what is accepted now that no line records: same row, same verdict before and after.

    The last line of a row counts alone. Those before it told of other runs: an old flip does not excuse the next one.
    """
    told = {c.change.place: c.change for c in corrections}
    return [change for change in changes if not _tells(told.get(change.place), change)]


def _tells(line: Change | None, change: Change) -> bool:
    return line is not None and (line.was.verdict, line.now.verdict) == (change.was.verdict, change.now.verdict)


def _cells(line: str) -> tuple[str, ...]:
    parts = [part.replace("\\|", "|").strip() for part in _BAR.split(line.strip())]
    return tuple(parts[1:-1])


def _parse(where: str, number: int, cells: tuple[str, ...]) -> Correction:
    """Return one line of the table."""
    if len(cells) != len(COLUMNS):
        raise AgreementError(f"{where}: {len(cells)} cells; write {' | '.join(COLUMNS)}")
    day, paper, row, scale, was, now, why = cells
    try:
        date.fromisoformat(day)
    except ValueError:
        raise AgreementError(f"{where}: date: {day!r} is not a day like 2026-11-21") from None
    if not all((paper, row, scale)):
        raise AgreementError(f"{where}: paper, row and scale say which verdict changed; none may be empty")
    if not re.search(r"\w", why):
        raise AgreementError(f"{where}: why: is empty; say what moved the verdict")
    change = Change(paper, row, scale, _standing(where, "was", was), _standing(where, "is", now))
    if change.was.verdict == change.now.verdict:
        raise AgreementError(f"{where}: is: {now!r} has the verdict of {was!r}; a line records a change")
    return Correction(number, day, change, why)


def _standing(where: str, column: str, text: str) -> Standing:
    parts = _STANDING.fullmatch(text)
    if parts is None or parts["verdict"] not in _VALID:
        raise AgreementError(f"{where}: {column}: {text!r} is not like 'differs at 6.07 (n=3)'; {', '.join(_VALID)}")
    try:
        return Standing(parts["verdict"], float(parts["mean"]) if parts["mean"] else None, int(parts["n"] or 0))
    except ValueError:
        raise AgreementError(f"{where}: {column}: {parts['mean']!r} is not a number") from None


def _follows(where: str, found: Sequence[Correction]) -> None:
    """Hold the newest line to those before it: days in order, and each row's story without a gap."""
    *earlier, last = found
    if earlier and last.day < earlier[-1].day:
        raise AgreementError(f"{where}: date: {last.day} stands after {earlier[-1].day}; keep the order of time")
    same = [c.change for c in earlier if c.change.place == last.change.place]
    if same and same[-1].now.verdict != last.change.was.verdict:
        raise AgreementError(
            f"{where}: was: {last.change.was.verdict!r}, but the line before left this row {same[-1].now.verdict!r}"
        )
