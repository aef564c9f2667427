"""Comparison: a paper's printed numbers and claims beside what our records say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.evaluation import AgreementError
from common.evaluation.cells import CellReader, describe_data, describe_origin, vector_of
from common.evaluation.claims import Claim, ClaimResult, judge_claims
from common.evaluation.places import Paper, check_claims, places_of
from common.evaluation.published import Published
from common.evaluation.statistics import Summary, subtract
from common.evaluation.verdicts import Judgement, Measured, judge
from common.results.schema import Record


@dataclass(frozen=True)
class Row:
    """One printed number beside ours: mean and sd over the seeds that finished, of all that were run."""

    published: Published
    ours: Summary | None
    seeds: int
    data: str
    device: str
    commit: str
    judgement: Judgement

    @property
    def delta(self) -> float | None:
        """Reproduced minus published, or None where no seed finished."""
        return None if self.ours is None else subtract(self.ours.mean, self.published.value)


@dataclass(frozen=True)
class Comparison:
    """Everything that is said about one paper at one scale.

    ``left_aside`` counts records of older code or settings; ``cells`` names those read, as ``experiment/variant``.
    """

    paper: str
    scale: str
    rows: tuple[Row, ...]
    claims: tuple[ClaimResult, ...]
    left_aside: int = 0
    cells: tuple[str, ...] = ()


def compare(
    paper: Paper, published: Sequence[Published], claims: Sequence[Claim], results: Path, scale: str
) -> Comparison:
    """Return every printed number and claim of ``paper`` beside the records below ``results`` at ``scale``.

    Raises :class:`AgreementError` where configuration, printed numbers, claims and records do not fit together.
    """
    places = places_of(paper, published)
    check_claims(paper, claims)
    reader = CellReader(results, paper.name, scale)
    records = {key: reader(place.experiment, place.variant) for key, place in places.items()}
    measured = {
        key: _measure(found, places[key].metric, f"{paper.name}: {':'.join(key)}")
        for key, found in records.items()
        if found
    }
    judgements = judge(published, measured, scale)
    rows = [
        _row(row, measured.get(row.key), records.get(row.key, ()), judgement)
        for row, judgement in zip(published, judgements, strict=True)
    ]
    found = judge_claims(claims, reader, scale)
    cells = {(p.experiment, p.variant) for p in places.values()}
    cells |= {(q.experiment, q.variant) for claim in claims for q in claim.quantities.values()}
    aside = sum(len(reader.left_aside(*cell)) for cell in cells)
    names = tuple(sorted("/".join(cell) for cell in cells))
    return Comparison(paper.name, scale, tuple(rows), tuple(found), aside, names)


def _measure(records: Sequence[Record], metric: str, what: str) -> Measured:
    """Return one metric of a cell's records with what they ran on."""
    try:
        values = vector_of(records, metric)
    except AgreementError as error:
        raise AgreementError(f"{what}: {error}") from None
    return Measured(
        values=values,
        seeds=len(records),
        stand_in=any(r.dataset.kind == "stand-in" for r in records),
        subset=any(r.dataset.subset for r in records),
    )


def _row(row: Published, ours: Measured | None, records: Sequence[Record], judgement: Judgement) -> Row:
    """Return one row of the comparison."""
    device, commit = describe_origin(records)
    summary = ours.summary if ours else None
    return Row(row, summary, ours.seeds if ours else 0, describe_data(records), device, commit, judgement)
