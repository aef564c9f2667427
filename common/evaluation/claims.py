"""``claims.yaml``: every claim of a paper as a predicate over our records, and what became of it.

A list of {id, statement, where, quantities, predicate, least_scale, note}. ``quantities`` gives a name to each
``experiment/variant:metric``; the predicate (:mod:`common.evaluation.predicate`) is judged on the seeds that
finished in every cell it uses. ``experiment/variant:status.diverged`` is 1 for a seed that diverged and 0 for
one that finished, so that a claim can be about divergence itself, and then about nothing else: a seed that diverged
has no other number.

Outcomes: `holds`, `fails`, `not run` (a cell has no record), `not judged (why)`: the scale is below the claim's
least one, the data are a stand-in, no seed finished everywhere, or the predicate has no value on the numbers.
Where the numbers exist they are shown even if they are not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from common.evaluation import AgreementError
from common.evaluation.cells import DIVERGED, describe_data, describe_origin, vector_of
from common.evaluation.predicate import FUNCTIONS, Predicate, PredicateError, UndefinedError
from common.results.plain_yaml import YamlError, brief, parse_yaml
from common.results.schema import Record, Scale

SCALE_ORDER = ("quick", "reduced", "paper")
OUTCOMES = ("holds", "fails", "not judged")
_STAND_IN = "not judged (stand-in data)"
_SMALL = "not judged (needs scale {})"

Text = Annotated[str, Field(min_length=1)]


class ClaimError(AgreementError):
    """A slip in ``claims.yaml``: one line that names the claim, what is wrong and the cure."""


class Quantity(BaseModel):
    """Where a claim's number stands in our records: ``experiment/variant:metric``."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    experiment: Text
    variant: Text
    metric: Text

    @model_validator(mode="before")
    @classmethod
    def _parse(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        cell, _, metric = value.partition(":")
        experiment, _, variant = cell.partition("/")
        parts = [part.strip() for part in (experiment, variant, metric)]
        if not all(parts):
            raise ValueError(f"{value!r} is not experiment/variant:metric")
        return dict(zip(("experiment", "variant", "metric"), parts, strict=True))

    @property
    def cell(self) -> str:
        """The cell's name, ``experiment/variant``."""
        return f"{self.experiment}/{self.variant}"


class Claim(BaseModel):
    """One sentence of a paper with the predicate that stands for it."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)
    id: Text
    statement: Text
    where: Text
    quantities: dict[str, Quantity] = Field(min_length=1)
    predicate: Text
    least_scale: Scale
    note: str = ""

    @model_validator(mode="after")
    def _parses(self) -> Claim:
        for name in self.quantities:
            if not name.isidentifier() or name in FUNCTIONS:
                raise ValueError(f"quantity {name!r} is not a plain name, or is the name of a function")
        self.parsed()
        diverged = {quantity.metric == DIVERGED for quantity in self.quantities.values()}
        if len(diverged) > 1:  # seeds are paired, and the pairs would be those that finished
            raise ValueError(
                f"{DIVERGED} beside other metrics, which a diverged seed lacks; make it a claim of its own"
            )
        return self

    def parsed(self) -> Predicate:
        """Return the predicate, parsed and checked against the names of the quantities."""
        return Predicate(self.predicate, tuple(self.quantities))


@dataclass(frozen=True)
class ClaimResult:
    """What became of one claim, and the numbers that it was judged on."""

    claim: Claim
    outcome: str
    evidence: str = ""
    seeds: str = ""
    data: str = ""
    device: str = ""
    commit: str = ""

    @property
    def stands(self) -> bool:
        """Whether the run says something of the claim: it was run, at a scale that can judge it, on no stand-in."""
        return self.outcome not in ("not run", _STAND_IN, _SMALL.format(self.claim.least_scale))


def verdict_of(outcome: str) -> str:
    """Return an outcome without its reason: holds, fails, not judged or not run."""
    return outcome.partition(" (")[0]


def read_claims(path: Path) -> list[Claim]:
    """Read a paper's claims in the order of the file; raises :class:`ClaimError`."""
    path = Path(path)
    try:
        content = parse_yaml(path.read_bytes())
    except FileNotFoundError:
        raise ClaimError(f"{path}: no such file; an empty list [] says that there are no claims") from None
    except YamlError as error:
        raise ClaimError(f"{path}: not readable as plain YAML: {error}") from None
    if not isinstance(content, list):
        raise ClaimError(f"{path}: holds {type(content).__name__}; write a list of claims, - id: …")
    claims: list[Claim] = []
    for number, entry in enumerate(content, start=1):
        name = entry.get("id", f"number {number}") if isinstance(entry, dict) else f"number {number}"
        try:
            claim = Claim.model_validate(entry)
        except ValidationError as error:
            raise ClaimError(f"{path}: claim {name}: {_first(error)}") from None
        if claim.id in {other.id for other in claims}:
            raise ClaimError(f"{path}: claim {name}: this id comes twice; give each claim its own")
        claims.append(claim)
    return claims


def judge_claims(
    claims: Sequence[Claim], records_of: Callable[[str, str], Sequence[Record]], scale: str
) -> list[ClaimResult]:
    """Judge every claim at ``scale``; ``records_of(experiment, variant)`` gives a cell's records."""
    return [_judge(claim, records_of, scale) for claim in claims]


def _judge(claim: Claim, records_of: Callable[[str, str], Sequence[Record]], scale: str) -> ClaimResult:
    """Return the result of one claim."""
    cells = {q.cell: list(records_of(q.experiment, q.variant)) for q in claim.quantities.values()}
    empty = sorted(cell for cell, records in cells.items() if not records)
    if empty:
        return ClaimResult(claim, "not run", f"no record of {', '.join(empty)}")
    too_small = SCALE_ORDER.index(scale) < SCALE_ORDER.index(claim.least_scale)
    try:
        vectors = {name: vector_of(cells[q.cell], q.metric) for name, q in claim.quantities.items()}
    except AgreementError:
        if too_small:  # a smaller scale need not make every metric: a shorter grid, fewer epochs
            return ClaimResult(claim, _SMALL.format(claim.least_scale))
        raise
    shared = sorted(set.intersection(*(set(v) for v in vectors.values())))
    known = {record.seed for records in cells.values() for record in records}
    seeds = f"{len(shared)} of {len(known)}"
    every = [record for records in cells.values() for record in records]
    origin = (seeds, describe_data(every), *describe_origin(every))
    if too_small:
        blocked = _SMALL.format(claim.least_scale)
    else:
        blocked = _STAND_IN if any(record.dataset.kind == "stand-in" for record in every) else ""
    if not shared:
        return ClaimResult(claim, blocked or "not judged (no seed finished)", "", *origin)
    try:
        found = claim.parsed()({name: np.array([v[s] for s in shared]) for name, v in vectors.items()})
    except UndefinedError as error:
        return ClaimResult(claim, blocked or f"not judged ({error})", "", *origin)
    except PredicateError as error:
        raise ClaimError(f"claim {claim.id}: {error}") from None
    return ClaimResult(claim, blocked or ("holds" if found.holds else "fails"), found.evidence, *origin)


def _first(error: ValidationError) -> str:
    """Return pydantic's first complaint as one line."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown key {place!r}; valid: {', '.join(Claim.model_fields)}"
    given = "" if first["type"] in ("missing", "value_error") else f" (given: {brief(first['input'])})"
    return f"{place + ': ' if place else ''}{first['msg'].removeprefix('Value error, ')}{given}"
