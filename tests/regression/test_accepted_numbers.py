"""Published against reproduced: every accepted row and claim still has the verdict that the numbers bear."""

from pathlib import Path

import pytest

from common.evaluation.accepted import SCALES
from common.evaluation.judged import judged_path, read_judged
from common.evaluation.on_means import judge_on_means
from common.evaluation.places import places_of
from common.evaluation.published import read_published
from common.evaluation.reproduced import read_reproduced, rejudge
from common.evaluation.unprinted import merged, read_unprinted
from common.workflow.agreement import asking
from common.workflow.config import load_paper, paper_names
from common.workflow.stated import in_reading

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(ROOT.glob("replications/*/reproduced*.csv"))


def test_there_are_accepted_numbers():
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_recorded_verdicts_follow_from_the_numbers(path):
    published = read_published(path.parent / "published.csv")
    rows = read_reproduced(path)
    assert {row.key[:3] for row in rows} <= {row.key for row in published}
    derived = {row.key: row.verdict for row in rejudge(rows, published)}
    wrong = {row.key: (row.verdict, derived[row.key]) for row in rows if row.verdict != derived[row.key]}
    assert not wrong, "recorded, derived; accept the scale again and say why in CORRECTIONS.md"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_number_names_the_commit_that_made_it(path):
    unnamed = [row.key for row in read_reproduced(path) if not row.commit or "unknown" in row.commit]
    assert not unnamed


READINGS = [(name, reading) for name in paper_names(ROOT) for reading in ("", *load_paper(ROOT, name).readings)]


@pytest.mark.parametrize(("name", "reading"), READINGS, ids=lambda word: word or "as-written")
def test_accepted_claims_are_those_of_the_paper_and_follow_from_the_accepted_numbers(name, reading):
    path = ROOT / "replications" / name / (f"reproduced-{reading}.csv" if reading else "reproduced.csv")
    config, published, claims = in_reading(ROOT, load_paper(ROOT, name), reading)
    judged = read_judged(judged_path(path))
    assert {row.claim for row in judged} <= {claim.id for claim in claims}
    assert all(row.commit and "unknown" not in row.commit for row in judged)
    for scale in SCALES:
        derived = judge_on_means(claims, places_of(config, published), read_reproduced(path), scale)
        here = {row.claim: row for row in judged if row.scale == scale}
        of_records = {claim for claim, row in here.items() if not row.on_means}
        expected = {row.claim: row for row in derived if row.claim not in of_records}
        assert {claim: row for claim, row in here.items() if row.on_means} == expected, "accept the scale again"


@pytest.mark.parametrize("path", sorted(ROOT.glob("replications/*/unprinted.csv")), ids=lambda path: path.parent.name)
def test_numbers_that_no_paper_prints_are_asked_for_and_name_their_commit(path):
    rows, paper = read_unprinted(path), load_paper(ROOT, path.parent.name)
    assert merged(asking(paper), lambda *_: (), "quick", path) == rows, "accept a scale again"
    assert all(row.commit and "unknown" not in row.commit and "dirty" not in row.commit for row in rows)


def test_there_are_accepted_claims():
    assert any(read_judged(judged_path(path)) for path in FILES)
