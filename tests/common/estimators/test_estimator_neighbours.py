"""Nearest-neighbour estimators: counts against brute force, KSG against its definition, LNC's published examples."""

import math
import warnings

import numpy as np
import pytest
from scipy.special import digamma

from common.estimators import create
from common.estimators.lnc import LNC
from common.estimators.neighbours import count_within, kth_distance


def distances(points):
    return np.abs(points[:, None] - points[None]).max(-1)


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("strict", [True, False])
def test_counts_equal_brute_force(d, strict):
    generator = np.random.default_rng(d)
    points = np.round(generator.normal(size=(333, d)), 1)  # with ties
    radius = np.round(generator.random(333), 1)
    table = np.round(distances(points), 6)
    expected = (table < radius[:, None] if strict else table <= radius[:, None]).sum(1)
    assert np.array_equal(count_within(points, radius, strict), np.maximum(expected, 1))


def test_kth_distance():
    points = np.random.default_rng(0).normal(size=(60, 3))
    assert np.allclose(kth_distance(points, 4), np.sort(distances(points), 1)[:, 4])
    with pytest.raises(ValueError, match="more than 60 rows"):
        kth_distance(points, 60)


def test_ksg_equals_its_definition():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 2))
    y = x[:, :1] + generator.normal(size=(300, 1))
    x, y = ((v - v.mean(0)) / v.std(0) for v in (x, y))
    a, b = distances(x), distances(y)
    radius = np.sort(np.maximum(a, b), 1)[:, 5]
    counts = [(t < radius[:, None]).sum(1) - 1 for t in (a, b)]
    expected = digamma(5) + digamma(300) - sum(digamma(c + 1).mean() for c in counts)
    assert create("ksg").estimate(x, y) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("rho", "truth"), [(0.6, 0.223), (0.9, 0.830)])
@pytest.mark.parametrize("name", ["ksg", "lnc"])
def test_bivariate_gaussian(name, rho, truth):
    values = []
    for seed in range(4):
        generator = np.random.default_rng(seed)
        x, e = generator.normal(size=(2, 1500))
        values.append(create(name).estimate(x, rho * x + math.sqrt(1 - rho * rho) * e))
    assert np.mean(values) == pytest.approx(truth, abs=0.06)


@pytest.mark.parametrize("form", ["blocks", "difference"])
def test_lnc_on_nearly_deterministic_lines(form):
    """The published examples: truth 16.05 nats where KSG finds 4 to 6, and x = y = 1 to 11."""
    generator = np.random.default_rng(0)
    x = generator.random(500)
    y = x + 1e-7 * generator.random(500)
    assert create("lnc", alpha=0.25, form=form).estimate(x, y) == pytest.approx(15.95, abs=0.2)
    assert create("ksg").estimate(x, y) == pytest.approx(4.5, abs=0.3)
    line = np.arange(1.0, 12.0)
    assert create("lnc", alpha=0.25, form=form).estimate(line, line) == pytest.approx(25, abs=1.5)
    assert create("ksg").estimate(line, line) == pytest.approx(0.64, abs=0.1)


def test_lnc_of_vectors_is_a_difference_of_total_correlations():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(4000, 2))
    y = 0.7 * x[:, :1] + 0.7 * x[:, 1:] + 0.3 * generator.normal(size=(4000, 1))
    truth = 0.5 * math.log((0.98 + 0.09) / 0.09)
    for form in ("blocks", "difference"):
        assert create("lnc", form=form).estimate(x, y) == pytest.approx(truth, rel=0.1)
    assert LNC().total_correlation(x[:, :1]) == 0


def test_independent_data_in_many_dimensions():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(2, 1500, 8))
    assert abs(create("ksg").estimate(x, y)) < 0.03


def test_ksg_copula_is_invariant_to_monotone_maps():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(500, 1))
    y = x + generator.normal(size=(500, 1))
    estimator = create("ksg", copula=True)
    assert estimator.estimate(np.exp(3 * x), y**3) == pytest.approx(estimator.estimate(x, y), abs=1e-9)


def test_workers_change_no_digit():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(2, 400, 3))
    assert create("ksg", workers=1).estimate(x, y) == create("ksg", workers=-1).estimate(x, y)


def test_lnc_is_high_in_many_columns_and_says_so():
    """Independent columns read 0.4 nats at 5 + 5: a warning from 7 columns on, once an estimate, and none at 6."""
    x, y = np.random.default_rng(0).normal(size=(2, 2000, 5))
    with pytest.warns(UserWarning, match="high in 10 columns") as caught:
        value = create("lnc").estimate(x, y)
    assert len(caught) == 1
    assert 0.25 < value < 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert abs(create("lnc").estimate(x[:, :3], y[:, :3])) < 0.05
