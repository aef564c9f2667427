"""Comparison: a paper's printed numbers and claims beside what our records say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Protocol

from common.evaluation import AgreementError
from common.evaluation.cells import CellReader, describe_data, describe_origin, vector_of
from common.evaluation.claims import Claim, ClaimResult, judge_claims
from common.evaluation.published import Key, Published
from common.evaluation.statistics import Summary, subtract
from common.evaluation.verdicts import Judgement, Measured, judge
from common.results.schema import Record


class Place(Protocol):
    """Where one value stands in our records."""

    @property
    def experiment(self) -> str: ...  # noqa: D102
    @property
    def variant(self) -> str: ...  # noqa: D102
    @property
    def metric(self) -> str: ...  # noqa: D102


class HasValues(Protocol):
    """An artefact: which place answers which printed entry (``entry``, or ``entry:metric`` where it has several)."""

    @property
    def values(self) -> Mapping[str, Place]: ...  # noqa: D102


class HasVariants(Protocol):
    """An experiment and its variants."""

    @property
    def variants(self) -> Mapping[str, object]: ...  # noqa: D102


class Paper(Protocol):
    """What this module needs of a paper's configuration."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def artefacts(self) -> Mapping[str, HasValues]: ...  # noqa: D102
    @property
    def experiments(self) -> Mapping[str, HasVariants]: ...  # noqa: D102


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
    _check_claims(paper, claims)
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


def places_of(paper: Paper, published: Sequence[Published]) -> dict[Key, Place]:
    """Return where each printed number stands in our records; numbers without a place are left out.

    Refuses a place for a number that is not printed, and one that several printed numbers would share.
    """
    metrics: dict[tuple[str, str], list[str]] = {}
    for row in published:
        metrics.setdefault((row.artefact, row.entry), []).append(row.metric)
    places: dict[Key, Place] = {}
    for artefact, block in paper.artefacts.items():
        valid = _names(metrics, artefact)
        for name, place in block.values.items():
            where = f"{paper.name}: config.yaml: artefacts.{artefact}.values: {name!r}"
            if name not in valid:
                raise AgreementError(f"{where} is no row of published.csv; {_valid(name, valid)}")
            if valid[name] is None:
                one = f"{name}:{metrics[artefact, name][0]}"
                raise AgreementError(f"{where} has several metrics in published.csv; say which, as {one!r}")
            places[valid[name]] = place
    return places


def _names(metrics: Mapping[tuple[str, str], list[str]], artefact: str) -> dict[str, Key | None]:
    """Return the names by which a configuration may call an artefact's rows; None marks an ambiguous one."""
    names: dict[str, Key | None] = {}
    for (owner, entry), kinds in metrics.items():
        if owner == artefact:
            names[entry] = (owner, entry, kinds[0]) if len(kinds) == 1 else None
            names |= {f"{entry}:{metric}": (owner, entry, metric) for metric in kinds}
    return names


def _check_claims(paper: Paper, claims: Iterable[Claim]) -> None:
    """Hold the claims to cells that the paper's configuration has."""
    cells = [f"{name}/{variant}" for name, e in paper.experiments.items() for variant in e.variants]
    for claim in claims:
        for name, quantity in claim.quantities.items():
            if quantity.cell not in cells:
                raise AgreementError(
                    f"{paper.name}: claims.yaml: claim {claim.id}: quantities.{name}: unknown cell "
                    f"{quantity.cell!r}; {_valid(quantity.cell, cells)}"
                )


def _valid(word: str, valid: Iterable[str]) -> str:
    """Return a closing clause with what is valid, the nearest first."""
    words = sorted(valid)
    near = get_close_matches(word, words, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + f"valid: {', '.join(words) or 'none'}"


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
