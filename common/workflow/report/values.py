"""The printed numbers of a paper, each with what this run gave for it and what earlier runs did that were accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.evaluation import AgreementError
from common.evaluation.accepted import SCALES
from common.evaluation.published import Key, Published
from common.evaluation.reproduced import Accepted, judgements
from common.evaluation.statistics import Summary, subtract
from common.evaluation.tables import COMPARISON_COLUMNS, number
from common.evaluation.verdicts import VERDICTS, Judgement, difference_to, format_p
from common.workflow.report.files import read_rows
from common.workflow.report.strip import Strip, strip_of
from common.workflow.report.words import count, seeds_in_words

_NOW = "this run"


@dataclass(frozen=True)
class Outcome:
    """What one run gave for a printed number: this run, or one that was accepted, as ``run`` says.

    ``mean``, ``sd`` and ``delta`` are in the units of the number, None where there is none. ``test`` is the comparison
    in words. ``judged``: the value itself was held to its tolerance, whatever became of it; scale, data and seeds may
    not let it.
    """

    run: str
    scale: str
    verdict: str
    direction: str = ""
    mean: float | None = None
    sd: float | None = None
    delta: float | None = None
    seeds: str = ""
    data: str = ""
    commit: str = ""
    strip: Strip | None = None
    test: str = ""
    judged: bool = False


@dataclass(frozen=True)
class ValueRow:
    """One printed number; ``printed`` is None where a comparison still has a row that published.csv has lost."""

    artefact: str
    entry: str
    metric: str
    published: str
    spread: str
    printed: Published | None
    fresh: Outcome
    accepted: list[Outcome]

    @property
    def reference(self) -> str:
        """The printed order: above or below which other printed number of which artefact; empty where none is set."""
        if self.printed is None or self.printed.reference is None:
            return ""
        artefact, entry, _ = self.printed.reference
        return f"{self.printed.sign} {artefact}: {entry}"

    @property
    def tests(self) -> list[Outcome]:
        """The outcomes that were compared with the printed number."""
        return [outcome for outcome in (self.fresh, *self.accepted) if outcome.test]


def value_rows(
    path: Path, scale: str, printed: Sequence[Published], accepted: Mapping[str, Sequence[Accepted]]
) -> list[ValueRow]:
    """Return the rows of the comparison at ``path``; without one, every printed number as not run.

    ``accepted`` has the accepted numbers of each reading, the paper as written under the empty name.
    """
    standing = _standing(accepted, printed)
    if path.exists():
        return _compared(path, printed, standing)
    return [
        ValueRow(
            *row.key, number(row.value), number(row.spread), row, Outcome(_NOW, scale, "not run"), standing[row.key]
        )
        for row in printed
    ]


def _compared(path: Path, printed: Sequence[Published], standing: Mapping[Key, list[Outcome]]) -> list[ValueRow]:
    """Return the rows of a comparison as it was written, which may be older than published.csv."""
    lines = [_line(path, line) for line in read_rows(path, COMPARISON_COLUMNS)[1]]
    by_key = {row.key: row for row in printed}
    ours = {key: row for key, line in lines if (row := _as_accepted(key, line)) is not None}
    judged = judgements(list(ours.values()), printed)
    rows = []
    for key, line in lines:
        row, seeds = by_key.get(key), seeds_in_words(line["n_seeds"])
        if key in ours:
            fresh = _outcome(_NOW, ours[key], row, judged.get(ours[key].key), seeds)
        else:
            fresh = Outcome(_NOW, line["scale"], line["verdict"], line["direction"], seeds=seeds, data=line["data"])
        rows.append(
            ValueRow(*key, line["published"], line["published_spread"], row, fresh, list(standing.get(key, ())))
        )
    return rows


def _line(path: Path, line: Sequence[str]) -> tuple[Key, dict[str, str]]:
    """Return one line of a comparison by column, behind its key."""
    cells = dict(zip(COMPARISON_COLUMNS, line, strict=True))
    if cells["verdict"] not in VERDICTS:
        raise AgreementError(f"{path}: verdict {cells['verdict']!r} is unknown; delete it and run compare again")
    return (cells["artefact"], cells["entry"], cells["metric"]), cells


def _as_accepted(key: Key, line: Mapping[str, str]) -> Accepted | None:
    """Return a line of a comparison as the number that could be accepted, or None where no seed finished."""
    if not line["reproduced"]:
        return None
    return Accepted(
        *key,
        mean=float(line["reproduced"]),
        sd=float(line["reproduced_sd"]) if line["reproduced_sd"] else None,
        n=int(line["n_seeds"].partition(" ")[0]),
        scale=line["scale"],
        data=line["data"],
        device="",
        commit="",
        verdict=line["verdict"],
        direction=line["direction"],
    )


def _standing(accepted: Mapping[str, Sequence[Accepted]], printed: Sequence[Published]) -> dict[Key, list[Outcome]]:
    """Return the accepted outcomes of each printed number, the largest scale first.

    What a reading leaves as the paper has it was accepted of both, and is told once.
    """
    by_key, as_written = {row.key: row for row in printed}, set(accepted.get("", ()))
    judged = {reading: judgements(rows, printed) for reading, rows in accepted.items()}
    every = [(reading, row) for reading, rows in accepted.items() for row in rows]
    found: dict[Key, list[Outcome]] = {key: [] for key in by_key}
    for reading, row in sorted(every, key=lambda pair: SCALES.index(pair[1].scale)):
        key = row.key[:3]
        if key in found and not (reading and row in as_written):
            run = "accepted" + (f", reading {reading}" if reading else "")
            seeds = count(row.n, "seed")
            found[key].append(_outcome(run, row, by_key[key], judged[reading].get(row.key), seeds))
    return found


def _outcome(run: str, ours: Accepted, row: Published | None, judgement: Judgement | None, seeds: str) -> Outcome:
    """Return a number of ours with its difference to the printed one, recomputed from the digits of the table."""
    delta = None if row is None else subtract(ours.mean, row.value)
    strip = None if row is None or delta is None else _strip(row, ours, delta)
    p = None if judgement is None else judgement.p_holm
    return Outcome(
        run=run,
        scale=ours.scale,
        verdict=ours.verdict,
        direction=ours.direction,
        mean=ours.mean,
        sd=ours.sd,
        delta=delta,
        seeds=seeds,
        data=ours.data,
        commit=ours.commit,
        strip=strip,
        test="" if strip is None else strip.words + ("" if p is None else f", {format_p(p)} (Holm)"),
        judged=judgement is not None and judgement.difference is not None,
    )


def _strip(row: Published, ours: Accepted, delta: float) -> Strip:
    """Return the drawing of a difference; a single seed has no interval."""
    difference = difference_to(row, Summary(ours.mean, ours.sd, ours.n)) if ours.sd is not None else None
    return strip_of(delta, difference.interval() if difference else None, row.tolerance)
