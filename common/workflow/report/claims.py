"""The claims of a paper, each with what this run says of it and what was accepted of it at larger scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.evaluation.accepted import SCALES
from common.evaluation.claims import Claim, read_claims
from common.evaluation.judged import Judged
from common.evaluation.tables import CLAIM_COLUMNS
from common.workflow.report.files import read_rows
from common.workflow.report.words import seeds_in_words


@dataclass(frozen=True)
class AcceptedClaim:
    """What was accepted of a claim: ``run`` says at which scale and in which reading, ``origin`` on what."""

    run: str
    outcome: str
    seeds: str
    evidence: str
    origin: str


@dataclass(frozen=True)
class ClaimRow:
    """One claim: what it says, what became of it in this run, and the accepted outcomes above scale quick."""

    id: str
    statement: str
    where: str
    predicate: str
    least_scale: str
    note: str
    outcome: str
    evidence: str
    seeds: str
    data: str
    accepted: list[AcceptedClaim]


def claim_rows(path: Path, stated: Path, judged: Mapping[str, Sequence[Judged]]) -> list[ClaimRow]:
    """Return the rows of claims.csv at ``path``, then what it lacks of the claims in the file ``stated``, as not run.

    ``judged`` has the accepted claims of each reading, the paper as written under the empty name.
    """
    lines = read_rows(path, CLAIM_COLUMNS)[1] if path.exists() else []
    fresh = [dict(zip(CLAIM_COLUMNS, line, strict=True)) for line in lines]
    known = {cells["id"] for cells in fresh}
    claims = read_claims(stated) if stated.exists() else []
    unrun = [_not_run(claim) for claim in claims if claim.id not in known]
    return [_row(cells, judged) for cells in (*fresh, *unrun)]


def _not_run(claim: Claim) -> dict[str, str]:
    """Return the cells of a claim of which this run says nothing."""
    said = {name: getattr(claim, name) for name in ("id", "statement", "where", "predicate", "least_scale", "note")}
    return dict.fromkeys(CLAIM_COLUMNS, "") | said | {"outcome": "not run"}


def _row(cells: Mapping[str, str], judged: Mapping[str, Sequence[Judged]]) -> ClaimRow:
    """Return a line of claims.csv with the accepted outcomes of its claim, the largest scale first."""
    found = [(reading, row) for reading, rows in judged.items() for row in rows if row.claim == cells["id"]]
    found.sort(key=lambda pair: SCALES.index(pair[1].scale))
    return ClaimRow(
        id=cells["id"],
        statement=cells["statement"],
        where=cells["where"],
        predicate=cells["predicate"],
        least_scale=cells["least_scale"],
        note=cells["note"],
        outcome=cells["outcome"],
        evidence=cells["evidence"],
        seeds=seeds_in_words(cells["n_seeds"]),
        data=cells["data"],
        accepted=[_accepted(reading, row) for reading, row in found if row.scale != "quick"],
    )


def _accepted(reading: str, row: Judged) -> AcceptedClaim:
    """Return an accepted claim in words."""
    return AcceptedClaim(
        run=row.scale + (f", reading {reading}" if reading else ""),
        outcome=row.outcome,
        seeds=seeds_in_words(row.seeds),
        evidence=row.evidence,
        origin=", ".join(word for word in (row.data, row.device, row.commit) if word),
    )
