"""A paper's own printed numbers must bear its claims: a predicate that they break says what the paper does not.

A claim's quantity has a printed value where ``config.yaml`` gives its place in the records to a row of
``published.csv``; a claim is judged here where all its quantities have one.
"""

import numpy as np
import pytest

from common.evaluation.claims import read_claims
from common.evaluation.published import read_published
from common.workflow.config import load_paper

JUDGED = {  # how many claims the printed numbers judge: fewer, and a place or a row has gone
    "attribute_unlearning": 36,
    "generative_filter": 10,
    "infoshape": 12,
    "irene": 9,
    "sliced_infomin": 22,
}


def printed_numbers(root, name):
    """Return the printed values of each place of the records; two tables may print one quantity differently (slips)."""
    rows = {(r.artefact, r.entry): r.value for r in read_published(root / f"replications/{name}/published.csv")}
    found: dict[str, set[float]] = {}
    for key, artefact in load_paper(root, name).artefacts.items():
        for entry, place in artefact.values.items():
            found.setdefault(f"{place.experiment}/{place.variant}:{place.metric}", set()).add(rows[key, entry])
    return found


@pytest.mark.parametrize("name", JUDGED)
def test_claims_hold_on_the_papers_own_numbers(root, name):
    printed, judged, broken = printed_numbers(root, name), 0, {}
    for claim in read_claims(root / f"replications/{name}/claims.yaml"):
        places = {k: f"{q.cell}:{q.metric}" for k, q in claim.quantities.items()}
        if not set(places.values()) <= set(printed):
            continue
        judged += 1
        for one in (min, max):
            found = claim.parsed()({k: np.array([one(printed[place])]) for k, place in places.items()})
            if not found.holds:
                broken[claim.id] = found.evidence
    assert not broken
    assert judged >= JUDGED[name]
