"""Which accepted numbers are held, and by which band."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from common.evaluation.regression import Regression, band, by_chance, regress
from common.evaluation.reproduced import Accepted
from common.evaluation.statistics import Summary
from common.evaluation.verdicts import Judgement

OLD = Accepted("t", "row", "auc", 0.94, 0.01, 5, "paper", "d", "cpu", "c", "reproduced", "")


def fresh(*rows, scale="paper"):
    """Return a comparison of rows (accepted, fresh mean, seeds)."""
    made = [
        SimpleNamespace(
            published=SimpleNamespace(key=old.key[:3]),
            ours=Summary(mean, 0.01, n),
            seeds=n,
            data=old.data,
            judgement=Judgement(old.verdict, old.direction),
        )
        for old, mean, n in rows
    ]
    return SimpleNamespace(rows=made, scale=scale)


@pytest.mark.parametrize("n", [1, 3, 40])
def test_the_band_is_that_of_as_many_seeds_as_the_fresh_run_has(n):
    (found,) = regress([OLD], fresh((OLD, 0.94, n)))
    assert (found.low, found.high) == band(OLD, n) != band(OLD, 5)


@pytest.mark.parametrize(
    ("metric", "held"), [("seconds", False), ("time", False), ("lifetime", True), ("timely", True)]
)
def test_only_what_is_named_a_time_belongs_to_its_machine(metric, held):
    old = replace(OLD, metric=metric)
    (found,) = regress([old], fresh((old, 0.94, 5)))
    assert (found.excused == "") is held


def test_chance_excuses_no_more_rows_than_it_brings():
    """One of five outside: 4.9 % of runs have that. Two: one in a thousand, and neither is excused."""
    rows = [replace(OLD, entry=f"r{k}", scale="quick") for k in range(5)]
    half = band(rows[0], 5)[1] - 0.94

    def outside(*which):
        found = regress(
            rows, fresh(*((r, 0.94 + 1.2 * half * (k in which), 5) for k, r in enumerate(rows)), scale="quick")
        )
        return [row.accepted.entry for row in by_chance(found)]

    assert outside() == []
    assert outside(2) == ["r2"]
    assert outside(2, 3) == []


@pytest.mark.parametrize(("inside", "crossed"), [(True, True), (None, True), (False, False)])
def test_an_order_that_crossed_its_level_is_excused_only_where_the_number_did_not_move(inside, crossed):
    old = replace(OLD, scale="quick", verdict="direction only", direction="holds (p=0.049)")
    found = Regression(old, 0.93, 5, 5, 0.9, 0.98, inside, "underpowered", "unclear (p=0.051)", "d")
    assert found.changed
    assert found.crossed is crossed


def test_at_scale_paper_nothing_is_left_to_chance_and_no_order_may_cross():
    (outside,) = regress([OLD], fresh((OLD, band(OLD, 5)[1] + 0.001, 5)))
    assert outside.inside is False
    assert outside.astray
    assert by_chance([outside]) == []
    old = replace(OLD, verdict="direction only", direction="holds (p=0.049)")
    assert not Regression(old, 0.94, 5, 5, 0.9, 0.98, True, "underpowered", "unclear (p=0.051)", "d").crossed


def test_a_run_of_which_no_seed_finished_is_no_matter_of_its_machines_speed():
    old = replace(OLD, metric="seconds")
    found = Regression(old, None, 0, 5, 0.9, 0.98, None, "underpowered", "", "d")
    assert found.unfinished
    assert found.excused == ""
