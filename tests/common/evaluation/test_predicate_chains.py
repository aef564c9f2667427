"""A chain of comparisons holds where every link of it does, not the last one alone."""

import numpy as np
import pytest

from common.evaluation.predicate import Predicate


@pytest.mark.parametrize(
    ("text", "expected"),
    [("all(1 < a < 5)", False), ("all(0 < a < 5)", True), ("2 < mean(a) < 3", True), ("3 < mean(a) < 9", False)],
)
def test_every_link_counts(text, expected):
    assert Predicate(text, ("a",))({"a": np.array([1.0, 2.0, 3.0, 4.0])}).holds is expected
