"""Published against reproduced: every accepted row still has the verdict that its numbers bear."""

from pathlib import Path

import pytest

from common.evaluation.published import read_published
from common.evaluation.reproduced import read_reproduced, rejudge

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
