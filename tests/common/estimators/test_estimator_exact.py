"""Estimators and their corrections against their formulas, digit by digit, on a handful of rows."""

import math

import numpy as np
import pytest
import torch
from scipy.special import digamma
from scipy.stats import beta

from common.estimators import auto, create
from common.estimators.gaussian import wishart_bias
from common.estimators.mixed_ksg import ross_information
from common.estimators.optimiser import cosine_rate
from common.estimators.transforms import standardise


def test_standard_deviations_divide_by_the_rows():
    assert standardise(np.array([[1.0], [3.0]])).tolist() == [[-1], [1]]


def test_miller_madow_by_hand():
    """Two equal bits in six rows: H = ln 2 on each side and jointly; (2 - 2 - 2 + 1) / 12 comes off."""
    bits = np.array([0, 1, 0, 1, 0, 1])
    assert create("discrete", correction="none").estimate(bits, bits) == pytest.approx(math.log(2))
    assert create("discrete").estimate(bits, bits) == pytest.approx(math.log(2) + 1 / 12)


@pytest.mark.parametrize("n", [5, 12, 100])
def test_the_gaussian_bias_is_the_mean_of_what_independent_columns_show(n):
    """r^2 of n independent pairs is Beta(1/2, (n - 2)/2): the plug-in -1/2 ln(1 - r^2) is not 0 in the mean."""
    wanted = beta(0.5, (n - 2) / 2).expect(lambda r: -0.5 * math.log1p(-r), epsabs=1e-12)
    assert wishart_bias(n, 1, 1) == pytest.approx(wanted, rel=1e-6)


def test_ross_is_its_formula_with_small_classes_and_a_row_that_is_alone():
    """Classes of eight, three and one with k = 5: the class of three has two neighbours, the lonely row is left out."""
    g = np.random.default_rng(0)
    labels = np.array([0] * 8 + [1] * 3 + [2])
    x = g.normal(size=(12, 1)) + 0.5 * labels[:, None]
    terms = []
    for i in range(11):
        far = np.abs(x[:11, 0] - x[i, 0])
        own = np.sort(far[labels[:11] == labels[i]])
        k = min(5, len(own) - 1)
        within = int((far <= own[k] + 1e-12).sum()) - 1
        terms.append(digamma(k) - digamma(len(own)) - digamma(within))
    assert ross_information(x, labels, 5) == pytest.approx(digamma(11) + np.mean(terms), abs=1e-12)


def test_a_learning_rate_rises_over_a_twentieth_of_the_steps_and_falls_along_a_cosine():
    rates = [cosine_rate(step, 100, 2.0) for step in range(100)]
    assert rates[0] == pytest.approx(2.0 * (1 / 5) * 1.0)
    assert rates[:5] == sorted(rates[:5])
    assert rates[50] == pytest.approx(1.0)
    assert rates[4:] == sorted(rates[4:], reverse=True)


def test_a_believed_network_adds_what_it_holds_above_the_copula_on_the_same_rows(monkeypatch):
    """The closed form less the ratio's held-out mean is what the fit lost: that much is put on the held-out bound."""
    x, y = np.random.default_rng(0).normal(size=(2, 1000, 2))
    closed = auto.Auto(steps=1)._by_copula(x[:500], y[:500])[1]["candidates"]["copula"]
    assert abs(closed) < 0.05
    for gain, method in ((0.3, "copula+network"), (0.009, "copula")):
        found = auto.Correction(bound=2.0, base_mean=1.5, gain=gain, curve=[], steps=1, converged=True)
        monkeypatch.setattr(auto.Auto, "_correct", lambda *_, found=found: found)
        value, info = auto.Auto()._by_copula(x, y)
        assert info["method"] == method
        own = info["candidates"]["copula"]
        assert value == pytest.approx(own - 1.5 + 2.0 if method == "copula+network" else own)


def test_critics_see_their_rows_in_a_new_order_in_every_pass(monkeypatch):
    orders, true = [], torch.randperm

    def randperm(n, *, generator):
        orders.append(true(n, generator=generator).tolist())
        return torch.tensor(orders[-1])

    monkeypatch.setattr(torch, "randperm", randperm)
    x, y = np.random.default_rng(0).normal(size=(2, 40, 1))
    create("infonce", hidden=(4,), batch=10, steps=9, check=9).estimate(x, y)
    assert [sorted(order) for order in orders] == [list(range(30))] * 3
    assert orders[0] != orders[1] != orders[2]
