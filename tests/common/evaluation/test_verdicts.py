"""Verdicts on hand-worked cases: each verdict, their order, and what quick runs, subsets and stand-ins may earn."""

from dataclasses import replace

import pytest

from common.evaluation.published import Published
from common.evaluation.verdicts import VERDICTS, Measured, difference_to, format_p, judge

# one printed value, no spread. Five seeds: mean 0.94, squares (4+1+0+1+4)e-4 = 1e-3, over 4: sd 0.015811.
# One new run: se = 0.015811 * sqrt(1.2) = 0.017321, t(0.95, 4) = 2.1318: half width 0.036925.
ROW = Published("fig4", "trained", "auc", 0.94, "Fig. 4-3", tolerance=0.04)
FIVE = Measured({0: 0.92, 1: 0.93, 2: 0.94, 3: 0.95, 4: 0.96}, seeds=5)
BASE = Published("fig4", "random", "auc", 0.72, "Fig. 4-2", tolerance=0.06)
ABOVE = replace(ROW, sign=">", reference=BASE.key)
LOW = Measured({s: v - 0.2 for s, v in FIVE.values.items()}, seeds=5)
NOISY = Measured({0: 0.80, 1: 0.70, 2: 0.95, 3: 0.60, 4: 1.0}, seeds=5)


def one(row, ours, scale="paper"):
    (found,) = judge([row], {} if ours is None else {row.key: ours}, scale)
    return found


def pair(ours, other, scale="paper"):
    return judge([ABOVE, BASE], {ABOVE.key: ours, BASE.key: other}, scale)[0]


def test_not_run():
    assert one(ROW, None).verdict == "not run"


def test_reproduced_when_the_interval_is_inside_the_tolerance():
    found = one(ROW, FIVE)
    assert found.difference.interval() == pytest.approx((-0.036925, 0.036925), abs=2e-6)
    assert found.verdict == "reproduced"


def test_a_tolerance_just_below_the_half_width_is_not_reproduced():
    assert one(replace(ROW, tolerance=0.0369), FIVE).verdict == "underpowered"
    assert one(replace(ROW, tolerance=0.0370), FIVE).verdict == "reproduced"


def test_differs_when_significant():
    # printed 0.80: t = 0.14 / 0.017321 = 8.083 on 4 degrees of freedom, p = 0.00127
    found = one(replace(ROW, value=0.80), FIVE)
    assert found.p_holm == pytest.approx(0.00127, abs=1e-5)
    assert found.verdict == "differs"


def test_inside_the_tolerance_comes_before_significant():
    # ten seeds between 0.940 and 0.941 leave no doubt that 0.93 is another number, yet 0.0105 is inside 0.04
    ten = Measured({s: 0.940 + 0.001 * (s % 2) for s in range(10)}, seeds=10)
    found = one(replace(ROW, value=0.93), ten)
    assert found.p_holm < 1e-6
    assert found.verdict == "reproduced"


def test_without_tolerance_a_value_is_never_judged():
    # seconds of another machine: neither equal nor far away says anything of the paper
    for value in (0.94, 0.5):
        found = one(replace(ROW, value=value, tolerance=None), FIVE)
        assert (found.verdict, found.difference, found.p_holm) == ("not comparable", None, None)
    assert judge([replace(ROW, tolerance=None)], {}, "paper")[0].verdict == "not run"


def test_holm_takes_every_tested_row_of_the_paper():
    # alone p = 0.02 differs; among three rows it is tripled to 0.06 and does not
    # five seeds: t(0.01, 4) = 3.7469, so a printed value 3.7469 * 0.017321 = 0.06490 away has p = 0.02
    off = replace(ROW, value=0.94 - 0.0649, tolerance=0.01)
    assert one(off, FIVE).verdict == "differs"
    others = [replace(ROW, entry=name, tolerance=0.01) for name in "ab"]
    rows = [off, *others]
    found = judge(rows, {row.key: FIVE for row in rows}, "paper")[0]
    assert found.p_holm == pytest.approx(0.06, abs=1e-4)
    assert found.verdict == "underpowered"


def test_rows_that_are_not_tested_are_not_in_the_family():
    off = replace(ROW, value=0.94 - 0.0649, tolerance=0.01)
    others = [replace(ROW, entry=name) for name in "abc"]
    idle = {others[0].key: replace(FIVE, stand_in=True), others[1].key: Measured({0: 1.0}, seeds=1)}
    assert judge([off, *others], {off.key: FIVE, **idle}, "paper")[0].verdict == "differs"


def test_printed_sd_and_n_go_to_welch_and_sem_is_turned():
    sd = replace(ROW, spread=0.02, spread_kind="sd", n_runs=4)
    sem = replace(ROW, spread=0.01, spread_kind="sem", n_runs=4)
    ours = FIVE.summary
    # se^2 = 2.5e-4/5 + 4e-4/4 = 1.5e-4
    assert difference_to(sd, ours).se == pytest.approx(0.0122474, abs=1e-7)
    assert difference_to(sem, ours) == difference_to(sd, ours)


def test_printed_spread_without_n_is_judged_as_one_run():
    assert difference_to(replace(ROW, spread=0.02, spread_kind="sd"), FIVE.summary).se == pytest.approx(
        0.017321, abs=1e-6
    )


def test_one_seed_is_underpowered_even_when_it_hits():
    found = one(ROW, Measured({0: 0.94}, seeds=1))
    assert (found.verdict, found.difference) == ("underpowered", None)


def test_all_seeds_diverged_is_underpowered_not_missing():
    assert one(ROW, Measured({}, seeds=5)).verdict == "underpowered"


def test_direction_holds_reversed_unclear():
    assert pair(FIVE, LOW).direction == "holds (p<0.001)"
    assert pair(LOW, FIVE).direction == "reversed (p<0.001)"
    assert pair(FIVE, FIVE).direction == "unclear (p=1.000)"
    assert pair(FIVE, NOISY).direction.startswith("unclear (p=0.")


def test_direction_is_paired_where_seeds_are_the_same():
    # gaps 0.1, 0.1, 0.2: mean 0.13333, sd 0.057735, se 0.033333, t = 4 on 2 df: p = 0.0286 by the table;
    # the spread over seeds is so wide that an unpaired test says nothing
    other = Measured({0: 0.0, 1: 0.5, 2: 1.0}, seeds=3)
    ours = Measured({0: 0.1, 1: 0.6, 2: 1.2}, seeds=3)
    assert pair(ours, other).direction == "holds (p=0.029)"
    shifted = Measured({s + 10: v for s, v in other.values.items()}, seeds=3)
    assert pair(ours, shifted).direction.startswith("unclear")


def test_direction_below():
    below = replace(BASE, sign="<", reference=ROW.key)
    assert judge([ROW, below], {ROW.key: FIVE, below.key: LOW}, "paper")[1].direction == "holds (p<0.001)"


def test_direction_needs_two_seeds_and_a_reference_that_was_run():
    assert pair(Measured({0: 0.9}, seeds=1), LOW).direction == "unclear (n=1)"
    assert judge([ABOVE, BASE], {ABOVE.key: FIVE}, "paper")[0].direction == ""


def test_direction_only_where_the_value_cannot_be_shown():
    loose = Measured({0: 0.80, 1: 0.90, 2: 0.98, 3: 1.0, 4: 0.94}, seeds=5)
    found = pair(loose, Measured({s: v - 0.3 for s, v in loose.values.items()}, seeds=5))
    assert (found.verdict, found.direction) == ("direction only", "holds (p<0.001)")


@pytest.mark.parametrize("value", [0.94, 0.50])
def test_quick_earns_the_direction_at_most(value):
    row = replace(ABOVE, value=value)
    rows = {row.key: FIVE, BASE.key: LOW}
    found = judge([row, BASE], rows, "quick")
    assert (found[0].verdict, found[0].direction) == ("direction only", "holds (p<0.001)")
    assert found[0].p_holm is None
    assert found[1].verdict == "underpowered"


def test_quick_with_the_order_reversed_is_no_success():
    assert pair(LOW, FIVE, "quick").verdict == "underpowered"


def test_a_subset_earns_the_direction_at_most():
    part = replace(FIVE, subset=True)
    assert one(ROW, part).verdict == "not comparable"
    assert pair(part, LOW).verdict == "direction only"
    assert pair(replace(LOW, subset=True), FIVE).verdict == "not comparable"


def test_a_stand_in_earns_nothing():
    found = pair(replace(FIVE, stand_in=True), LOW)
    assert (found.verdict, found.direction) == ("not comparable", "")
    assert pair(FIVE, replace(LOW, stand_in=True)).direction == ""


def test_reduced_is_judged():
    assert one(ROW, FIVE, "reduced").verdict == "reproduced"


def test_the_words_are_those_of_the_design():
    assert set(VERDICTS) == {
        "reproduced", "direction only", "differs", "underpowered", "not comparable", "not run"
    }  # fmt: skip


def test_p_values_as_text():
    assert [format_p(p) for p in (0.0, 0.00099, 0.001, 0.0286, 1.0)] == [
        "p<0.001", "p<0.001", "p=0.001", "p=0.029", "p=1.000"
    ]  # fmt: skip
