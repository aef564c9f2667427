"""``reproduced.csv``: our last accepted numbers, one row per printed number and scale, with the verdict each has.

The verdicts of one scale follow from its rows (means, spreads, directions) and ``published.csv`` alone, Holm's family
being the rows of the file: :func:`rejudge` finds them anew, and a test holds the recorded ones to it. A row whose
reference was accepted from other records, at another time, has its direction from both rows (:func:`directed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from common.evaluation import AgreementError
from common.evaluation.accepted import SCALES, read_accepted
from common.evaluation.cells import is_stand_in, is_subset
from common.evaluation.comparison import Comparison
from common.evaluation.corrections import Change, Standing
from common.evaluation.published import Published
from common.evaluation.statistics import Summary
from common.evaluation.tables import number, to_csv
from common.evaluation.verdicts import VERDICTS, Evidence, Judgement, decide, direction_between

COLUMNS = (
    "artefact",
    "entry",
    "metric",
    "mean",
    "sd",
    "n",
    "scale",
    "data",
    "device",
    "commit",
    "verdict",
    "direction",
)


@dataclass(frozen=True)
class Accepted:
    """One accepted number, in the order of the columns."""

    artefact: str
    entry: str
    metric: str
    mean: float
    sd: float | None
    n: int
    scale: str
    data: str
    device: str
    commit: str
    verdict: str
    direction: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Artefact, entry, metric and scale, which name the row."""
        return (self.artefact, self.entry, self.metric, self.scale)


def read_reproduced(path: Path) -> list[Accepted]:
    """Read the accepted numbers; none where the file does not exist. A slip is an AgreementError: its place."""
    return read_accepted(path, COLUMNS, _parse)


def accepted_rows(comparison: Comparison) -> list[Accepted]:
    """Return the rows of a comparison that were run, as numbers that may be accepted, with the digits a file keeps."""
    return [
        Accepted(
            *row.published.key,
            float(number(row.ours.mean)),
            None if row.ours.sd is None else float(number(row.ours.sd)),
            row.ours.n,
            comparison.scale,
            row.data,
            row.device,
            row.commit,
            row.judgement.verdict,
            row.judgement.direction,
        )
        for row in comparison.rows
        if row.ours is not None
    ]


def as_csv(rows: Sequence[Accepted]) -> str:
    """Return the text of a file of accepted numbers."""
    return to_csv(
        COLUMNS,
        ([number(v) if isinstance(v, float) else "" if v is None else str(v) for v in astuple(row)] for row in rows),
    )


def merged(comparison: Comparison, path: Path) -> tuple[list[Accepted], list[Change]]:
    """Return the rows as they would be with the comparison's numbers in place of theirs, and the verdicts that change.

    Rows of other scales, and rows that were not run this time, stay; a row of which no seed finished this time goes.
    Refuses a stand-in's number in the place of the data's own. Order: as in the comparison, then scale.
    """
    before = read_reproduced(path)
    _refuse_stand_ins(before, comparison, label(path))
    fresh = accepted_rows(comparison)
    lost = {row.key for row, _ in unfinished(before, comparison)}
    kept = {row.key: row for row in before if row.key not in lost} | {row.key: row for row in fresh}
    published = [row.published for row in comparison.rows]
    place = {row.key: i for i, row in enumerate(published)}
    gone = sorted(key for key in kept if key[:3] not in place)
    if gone:
        raise AgreementError(f"{path}: {':'.join(gone[0])} is no row of published.csv any more; delete that line")
    rows = sorted(kept.values(), key=lambda row: (place[row.key[:3]], SCALES.index(row.scale)))
    rows = rejudge(directed(rows, published, before, fresh), published)
    return rows, changes(label(path), before, rows)


def unfinished(before: Sequence[Accepted], comparison: Comparison) -> list[tuple[Accepted, int]]:
    """Return the accepted rows of which this time no seed finished, each with the number of seeds that ran."""
    ran = {row.published.key: row.seeds for row in comparison.rows if row.ours is None and row.seeds}
    return [(old, ran[old.key[:3]]) for old in before if old.scale == comparison.scale and old.key[:3] in ran]


def none_finished(ran: int, mean: float) -> str:
    """Return what is said of an accepted number of which none of the seeds that ran finished."""
    return f"none of the {ran} seeds here finished, where {mean:.6g} was accepted"


def _refuse_stand_ins(before: Sequence[Accepted], comparison: Comparison, name: str) -> None:
    """Hold the data of a comparison to those that its rows were accepted on: nothing drawn in place of a real set."""
    drawn = {row.published.key: row.data for row in comparison.rows if is_stand_in(row.data)}
    wrong = [
        row for row in before if row.scale == comparison.scale and not is_stand_in(row.data) if row.key[:3] in drawn
    ]
    if wrong:
        key = wrong[0].key
        raise AgreementError(
            f"{name}: {':'.join(key)} ran on {drawn[key[:3]]}, where {wrong[0].data} is accepted ({len(wrong)} such "
            "rows); run it on the data, or move these records away"
        )


class UnexplainedError(AgreementError):
    """Verdicts would change without a line in CORRECTIONS.md; ``changes`` holds them."""

    def __init__(self, lacking: list[Change]) -> None:
        super().__init__(
            f"{lacking[0].paper}: the verdict of {lacking[0].row} would change from {lacking[0].was.verdict} to "
            f"{lacking[0].now.verdict} ({len(lacking)} such); say why in CORRECTIONS.md, then accept again"
        )
        self.changes = lacking


def label(path: Path) -> str:
    """Return what CORRECTIONS.md calls a file of accepted numbers or claims: paper, and reading if it has one."""
    reading = Path(path).stem.partition("-")[2]
    return Path(path).parent.name + (f"/{reading}" if reading else "")


def changes(name: str, before: Sequence[Accepted], after: Sequence[Accepted]) -> list[Change]:
    """Return the rows of a file whose verdict is another one after than before, those that left it included."""
    now = {row.key: _standing(row) for row in after}
    gone = Standing("not run")
    return [
        Change(name, ":".join(old.key[:3]), old.scale, _standing(old), now.get(old.key, gone))
        for old in before
        if now.get(old.key, gone).verdict != old.verdict
    ]


def directed(
    rows: Sequence[Accepted], published: Sequence[Published], before: Sequence[Accepted], fresh: Sequence[Accepted]
) -> list[Accepted]:
    """Return the rows, with a direction by Welch where the records of both sides were not at hand at once.

    That is where a row has none though its reference is accepted at its scale, or has that of ``before`` though its
    reference has other numbers since. The directions of ``fresh``, which pair the seeds, stay as they are.
    """
    references = {row.key: row for row in published if row.reference is not None}
    then, now = ({row.key: row for row in some} for some in (before, rows))
    settled = {row.key for row in fresh if row.direction}

    def looked_at(row: Accepted) -> Accepted:
        printed = references.get(row.key[:3])
        other = None if printed is None else now.get((*printed.reference, row.scale))
        if other is None or row.key in settled or is_stand_in(row.data) or is_stand_in(other.data):
            return row
        stood = then.get(other.key)
        if row.direction and stood is not None and _summary(stood) == _summary(other):
            return row
        return replace(row, direction=direction_between(printed, _summary(row), _summary(other)))

    return [looked_at(row) for row in rows]


def _summary(row: Accepted) -> Summary:
    return Summary(row.mean, row.sd, row.n)


def rejudge(rows: Sequence[Accepted], published: Sequence[Published]) -> list[Accepted]:
    """Return the rows with the verdicts that their numbers and directions bear, each scale a family of its own."""
    found = judgements(rows, published)
    return [replace(row, verdict=found[row.key].verdict) for row in rows]


def judgements(rows: Sequence[Accepted], published: Sequence[Published]) -> dict[tuple[str, str, str, str], Judgement]:
    """Return verdict, difference and p-value of each row by its key; rows that are not printed are left out."""
    found = {}
    for scale in SCALES:
        mine = {row.key[:3]: row for row in rows if row.scale == scale}
        evidence = {
            key: Evidence(_summary(row), is_stand_in(row.data), is_subset(row.data)) for key, row in mine.items()
        }
        printed = [row for row in published if row.key in mine]
        judged = decide(printed, evidence, {key: row.direction for key, row in mine.items()}, scale)
        found |= {(*p.key, scale): j for p, j in zip(printed, judged, strict=True)}
    return found


def _standing(row: Accepted) -> Standing:
    return Standing(row.verdict, row.mean, row.n)


def _parse(where: str, cells: dict[str, str]) -> Accepted:
    """Return one line as an accepted number."""
    if cells["verdict"] not in VERDICTS:
        raise AgreementError(f"{where}: verdict: {cells['verdict']!r} is none of {', '.join(VERDICTS)}")
    try:
        mean, sd, n = float(cells["mean"]), float(cells["sd"]) if cells["sd"] else None, int(cells["n"])
    except ValueError as error:
        raise AgreementError(f"{where}: mean, sd or n: {error}; write the file with accept()") from None
    return Accepted(**{**cells, "mean": mean, "sd": sd, "n": n})
