"""Columns or sides that determine each other, and rows fewer than columns: auto, t copula, Gaussian."""

import math

import numpy as np
import pytest
import torch

from common.estimators import create
from common.estimators.copula import LogRatio, fit_copula
from common.estimators.redundant import determines, independent_columns


def pair(n=2000, seed=0):
    """Three columns against two of them with as much noise: ln 2 nats."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, 3))
    return x, x[:, :2] + generator.normal(size=(n, 2))


def nearly(x, spread):
    return x + spread * np.random.default_rng(9).normal(size=x.shape)


REDUNDANT = {
    "twice": lambda x: np.hstack([x, x]),
    "monotone maps": lambda x: np.hstack([x, -x, np.exp(x)]),
    "a constant": lambda x: np.hstack([x, np.full((len(x), 1), 0.1)]),
    "a copy to 1e-4": lambda x: np.hstack([x, nearly(x, 1e-4)]),
}


@pytest.mark.parametrize("kind", REDUNDANT)
def test_redundant_columns_change_nothing(kind):
    x, y = pair()
    for estimator in (create("auto", steps=100), create("t_copula")):
        plain = estimator.estimate(x, y)
        assert plain == pytest.approx(math.log(2), abs=0.05)
        assert estimator.estimate(REDUNDANT[kind](x), y) == pytest.approx(plain, abs=2e-3)
    assert estimator.estimate(y, REDUNDANT[kind](x)) == pytest.approx(plain, abs=2e-3)


@pytest.mark.parametrize("spread", [1e-3, 1e-2])
def test_near_copies_change_little(spread):
    x, y = pair()
    assert create("auto", steps=300).estimate(np.hstack([x, nearly(x, spread)]), y) == pytest.approx(
        math.log(2), abs=0.05
    )


def test_which_columns_are_independent():
    x = pair()[0]
    assert independent_columns(x) is x
    assert independent_columns(np.hstack([x, x])).shape == (2000, 3)
    assert independent_columns(np.hstack([x, np.ones((2000, 2))])).shape == (2000, 3)
    assert independent_columns(nearly(np.repeat(x, 2, 1), 1e-2)).shape == (2000, 6)
    assert independent_columns(np.ones((50, 2))).shape == (50, 0)
    few = np.random.default_rng(0).normal(size=(20, 30))
    assert independent_columns(few).shape[1] <= 20


def test_a_ratio_of_near_copies_keeps_its_digits():
    """A ratio of 1e-3 copies in the closed form and, through the slope of noise, in float64."""
    x, y = pair()
    copies = np.hstack([x, nearly(x, 3e-3)])
    model = fit_copula(copies, y, math.inf)
    assert np.linalg.cond(model.shape) > 1e5
    scores = torch.as_tensor(np.random.default_rng(0).multivariate_normal(np.zeros(8), model.shape, 4000))
    left, right = scores[:, :6].float(), scores[:, 6:].float()
    ratio = LogRatio(model.shape, math.inf, 6)
    found = ratio.pairs(ratio.terms(left, right), right)
    assert found.dtype == torch.float32
    precision, own_x, own_y = (np.linalg.inv(m) for m in (model.shape, model.shape[:6, :6], model.shape[6:, 6:]))
    s = scores.float().double().numpy()
    forms = [((v @ m) * v).sum(1) for v, m in ((s[:, :6], own_x), (s[:, 6:], own_y), (s, precision))]
    logs = [np.linalg.slogdet(m)[1] for m in (model.shape[:6, :6], model.shape[6:, 6:], model.shape)]
    wanted = 0.5 * (forms[0] + forms[1] - forms[2] + logs[0] + logs[1] - logs[2])
    assert np.abs(found.numpy() - wanted).max() < 1e-3
    table = ratio.matrix(ratio.terms(left[:5], right[:5]), right[:5])
    torch.testing.assert_close(table.diagonal(), found[:5], atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", ["auto", "t_copula", "gaussian"])
@pytest.mark.parametrize(("n", "d"), [(50, 30), (61, 30), (9, 4)])
def test_too_few_rows_are_refused(name, n, d):
    generator = np.random.default_rng(0)
    with pytest.raises(ValueError, match=rf"needs more than d_x \+ d_y \+ 1 rows, got {n}"):
        create(name).estimate(generator.normal(size=(n, d)), generator.normal(size=(n, d)))


@pytest.mark.parametrize("name", ["auto", "t_copula", "gaussian"])
def test_just_enough_rows_are_about_unbiased(name):
    generator = np.random.default_rng(0)
    values = [create(name).estimate(*generator.normal(size=(2, 70, 30))) for _ in range(10)]
    assert abs(np.mean(values)) < 4 * np.std(values) / math.sqrt(10) + 0.3


def test_many_columns_train_no_network():
    """1,000 rows of 380 + 380 independent columns: an error of tenths, not of powers of ten."""
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(2, 1000, 380))
    result = create("auto").estimate_with_info(x, y)
    assert abs(result.mi_estimate) < 1
    assert "held_out_gain" not in result.additional_information


@pytest.mark.parametrize("name", ["auto", "t_copula"])
@pytest.mark.parametrize("n", [500, 1500])
def test_a_side_that_determines_the_other_is_infinite(name, n):
    x, y = pair(n)
    for other in (x, np.hstack([y, np.exp(x[:, :1])]), np.hstack([x, x])):
        result = create(name).estimate_with_info(x, other)
        assert result.mi_estimate == math.inf
        assert result.diverged
        assert not result.converged
    assert not determines(x, y)


def test_constants_tell_a_t_copula_nothing():
    x, y = pair(200)
    assert create("t_copula").estimate(np.ones((200, 2)), y) == 0
    with pytest.raises(ValueError, match="degrees of freedom must be positive"):
        create("t_copula", degrees=0).estimate(x, y)


def test_a_gain_that_is_no_number_is_not_believed(monkeypatch):
    from common.estimators import auto
    from common.estimators.correction import Correction

    x, y = pair()
    for bound, mean, gain in ((1.0, 0.5, math.nan), (math.nan, 0.5, 0.2), (1.0, math.inf, 0.2), (1.0, 0.5, math.inf)):
        found = Correction(bound, mean, gain, [0.0], 100, True)
        monkeypatch.setattr(auto.Auto, "_correct", lambda *_, found=found: found)
        result = create("auto").estimate_with_info(x, y)
        assert result.additional_information["method"] == "copula"
        assert result.mi_estimate == pytest.approx(math.log(2), abs=0.05)
