"""Claims judged on accepted means, where the records that these came from are not at hand any more.

Only where that is the same as judging the records: a mean of sums and differences of quantities is the sum and
difference of their means. With one seed every predicate is; with two a median is a mean. All quantities must have an
accepted number; equally many seeds are taken for the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from common.evaluation.cells import is_stand_in
from common.evaluation.claims import SCALE_ORDER, Claim
from common.evaluation.judged import ON_MEANS, Judged
from common.evaluation.places import Place
from common.evaluation.predicate import UndefinedError
from common.evaluation.published import Key
from common.evaluation.reproduced import Accepted


def judge_on_means(
    claims: Sequence[Claim], places: Mapping[Key, Place], accepted: Sequence[Accepted], scale: str
) -> list[Judged]:
    """Return what the numbers accepted at ``scale`` say of the claims that their means alone decide.

    ``places`` tells where a printed number stands in the records (:func:`common.evaluation.places.places_of`).
    """
    known = {
        (place.experiment, place.variant, place.metric): row
        for row in accepted
        if row.scale == scale and not is_stand_in(row.data) and (place := places.get(row.key[:3])) is not None
    }
    found = [_judge(claim, known, scale) for claim in claims if _judgeable(claim, scale)]
    return [row for row in found if row is not None]


def _judgeable(claim: Claim, scale: str) -> bool:
    return SCALE_ORDER.index(scale) >= SCALE_ORDER.index(claim.least_scale)


def _judge(claim: Claim, known: Mapping[tuple[str, str, str], Accepted], scale: str) -> Judged | None:
    """Return the outcome of one claim, or None where the means do not decide it."""
    rows = {name: known.get((q.experiment, q.variant, q.metric)) for name, q in claim.quantities.items()}
    if None in rows.values():
        return None
    seeds = {row.n for row in rows.values()}
    if len(seeds) > 1 or not claim.parsed().decided_by_means(*seeds):
        return None
    try:
        outcome = claim.parsed()({name: np.array([row.mean]) for name, row in rows.items()})
    except UndefinedError:
        return None
    data, device, commit = (
        _union(getattr(row, field) for row in rows.values()) for field in ("data", "device", "commit")
    )
    verdict = "holds" if outcome.holds else "fails"
    return Judged(claim.id, scale, verdict, outcome.evidence, f"{seeds.pop()}{ON_MEANS}", data, device, commit)


def _union(words: Iterable[str]) -> str:
    """Return all parts of some lists in words, once each."""
    return "; ".join(sorted({part for word in words for part in word.split("; ")}))
