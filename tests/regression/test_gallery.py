"""The gallery's pictures against the accepted numbers: both must be of the same runs."""

import re
from pathlib import Path

import pytest
from PIL import Image

from common.evaluation.judged import judged_path, read_judged
from common.evaluation.reproduced import read_reproduced
from common.workflow.config import paper_names

ROOT = Path(__file__).resolve().parents[2]
MADE = re.compile(r"Made at commit (.+)$")


def told(path):
    """Return the commits that a picture names; those drawn before pictures named theirs name none."""
    found = MADE.search(Image.open(path).info.get("Description", ""))
    return set(found.group(1).split(", ")) if found else set()


PICTURES = [path for path in sorted(ROOT.glob("figures/gallery/*.png")) if told(path)]


def accepted(name):
    """Return the commits of a paper's accepted numbers and claims."""
    files = sorted((ROOT / "replications" / name).glob("reproduced*.csv"))
    rows = [row for path in files for row in (*read_reproduced(path), *read_judged(judged_path(path)))]
    return {commit for row in rows for commit in row.commit.split("; ")}


def test_some_pictures_name_their_commit():
    assert PICTURES


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_a_picture_is_of_the_runs_whose_numbers_stand_accepted(path):
    (name,) = [name for name in paper_names(ROOT) if path.stem.startswith(f"{name}_")]
    assert told(path) <= accepted(name), "draw it anew from the accepted runs: python -m common.workflow gallery"
