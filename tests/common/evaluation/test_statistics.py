"""Statistics of agreement against numbers worked out by hand (tables of t) and against scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from common.evaluation.statistics import (
    Difference,
    Summary,
    holm,
    inside,
    paired,
    prediction,
    summarise,
    welch,
)


def test_summary_by_hand():
    # 2, 4, 6: mean 4, squares 4 + 0 + 4 = 8, over n - 1 = 2: variance 4
    assert summarise([2.0, 4.0, 6.0]) == Summary(4.0, 2.0, 3)


def test_one_seed_has_no_spread():
    assert summarise([0.7]) == Summary(0.7, None, 1)


def test_equal_values_have_exactly_no_spread():
    # the mean of ten 0.1 is not 0.1 in binary; a sd of 1e-17 would make any rounding "significant"
    assert summarise([0.1] * 10) == Summary(0.1, 0.0, 10)


def test_no_values_are_refused():
    with pytest.raises(ValueError, match="no values"):
        summarise([])


def test_welch_by_hand():
    # variances of the means: 9/4 = 2.25 and 16/9 = 1.7778, sum 4.02778, se 2.00693
    # df = (145/36)^2 / ((9/4)^2/3 + (16/9)^2/8) = (21025/1296) / (27/16 + 32/81)
    found = welch(Summary(10.0, 3.0, 4), Summary(6.0, 4.0, 9))
    assert found.delta == 4.0
    assert found.se == pytest.approx(2.006932, abs=1e-6)
    assert found.df == pytest.approx((21025 / 1296) / (27 / 16 + 32 / 81), rel=1e-12)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [((1.2, 0.4, 5), (0.9, 0.1, 3)), ((0.0, 1e-9, 2), (1.0, 5.0, 40)), ((3.0, 0.0, 6), (2.0, 1.0, 4))],
)
def test_welch_against_scipy(ours, theirs):
    found = welch(Summary(*ours), Summary(*theirs))
    expected = stats.ttest_ind_from_stats(*ours, *theirs, equal_var=False)
    assert found.p_two_sided == pytest.approx(expected.pvalue, rel=1e-9)
    above = stats.ttest_ind_from_stats(*ours, *theirs, equal_var=False, alternative="greater")
    below = stats.ttest_ind_from_stats(*ours, *theirs, equal_var=False, alternative="less")
    assert found.p_above == pytest.approx(above.pvalue, rel=1e-9)
    assert found.p_below == pytest.approx(below.pvalue, rel=1e-9)


def test_welch_interval_from_the_table_of_t():
    # equal n and sd: df = 2(n - 1) = 18, t(0.95, 18) = 1.734; se = 1 * sqrt(2/10) = 0.44721
    low, high = welch(Summary(5.0, 1.0, 10), Summary(5.0, 1.0, 10)).interval(0.90)
    assert (low, high) == pytest.approx((-1.734 * 0.44721, 1.734 * 0.44721), abs=5e-4)


def test_welch_needs_spreads():
    with pytest.raises(ValueError, match="n >= 2"):
        welch(Summary(1.0, None, 1), Summary(1.0, 1.0, 5))


def test_prediction_by_hand():
    # n = 4, sd 2: se = 2 * sqrt(1.25) = 2.23607, df 3, t(0.95, 3) = 2.3534: half width 5.2623
    found = prediction(Summary(10.0, 2.0, 4), 9.0)
    assert found.interval(0.90) == pytest.approx((1 - 5.2623, 1 + 5.2623), abs=5e-4)
    # t = 1 / 2.23607 = 0.44721 on 3 degrees of freedom
    assert found.p_two_sided == pytest.approx(2 * stats.t.sf(0.4472136, 3), rel=1e-6)


def test_prediction_covers_one_new_run():
    """Nine new runs in ten fall into the 90 % prediction interval of five, whatever the mean and spread."""
    rng = np.random.default_rng(7)
    draws = 3.0 + 0.5 * rng.standard_normal((4000, 6))
    hits = 0
    for *seeds, new in draws:
        low, high = prediction(summarise(seeds), new).interval(0.90)
        hits += low <= 0 <= high
    assert hits / 4000 == pytest.approx(0.90, abs=3 * math.sqrt(0.09 / 4000))


def test_prediction_needs_two_seeds():
    with pytest.raises(ValueError, match="two seeds"):
        prediction(Summary(1.0, None, 1), 1.0)


def test_paired_against_scipy():
    a, b = [0.91, 0.94, 0.93, 0.97], [0.72, 0.80, 0.69, 0.81]
    found = paired(a, b)
    assert found.p_above == pytest.approx(stats.ttest_rel(a, b, alternative="greater").pvalue, rel=1e-9)
    assert found.p_below == pytest.approx(stats.ttest_rel(a, b, alternative="less").pvalue, rel=1e-9)


def test_paired_refuses_what_is_not_paired():
    with pytest.raises(ValueError, match="same two or more seeds"):
        paired([1.0, 2.0], [1.0])


def test_no_spread_is_a_point():
    found = prediction(Summary(0.77, 0.0, 3), 0.72)
    assert found.interval() == (found.delta, found.delta)
    assert found.p_two_sided == 0.0
    assert inside(found, 0.05)  # 0.77 - 0.72 is 0.05 and a hair more in binary
    assert not inside(found, 0.049)


def test_no_spread_and_no_difference():
    found = prediction(Summary(1.0, 0.0, 3), 1.0)
    assert (found.delta, found.p_two_sided) == (0.0, 1.0)


def test_rounding_is_no_difference():
    found = welch(Summary(0.1 + 0.2, 0.0, 3), Summary(0.3, 0.0, 3))
    assert (found.delta, found.p_two_sided) == (0.0, 1.0)
    assert paired([0.3, 0.3], [0.1 + 0.2, 0.1 + 0.2]).p_below == 1.0


def test_inclusion_is_two_one_sided_tests():
    """The 90 % interval lies inside exactly where both one-sided tests reject at 5 %."""
    ours, theirs, seen = Summary(0.50, 0.02, 6), Summary(0.49, 0.03, 8), set()
    for tolerance in np.linspace(0.005, 0.08, 40):
        found = welch(ours, theirs)
        lower = Difference(found.delta + tolerance, found.se, found.df).p_above
        upper = Difference(found.delta - tolerance, found.se, found.df).p_below
        assert inside(found, tolerance) == (max(lower, upper) <= 0.05)
        seen.add(inside(found, tolerance))
    assert seen == {True, False}


def test_holm_by_hand():
    # sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 = 0.02, 0.03, 0.06, 0.04 -> running maximum 0.06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_stays_below_one_and_takes_nothing():
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
