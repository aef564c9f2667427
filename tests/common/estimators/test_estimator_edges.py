"""Samples and settings at the edge: a right value or a clear refusal, never a number that looks like one."""

import math
import warnings
from dataclasses import fields

import numpy as np
import pytest
import torch

from common.estimators import create, names
from common.estimators.base import as_labels, exact_integers
from common.estimators.registry import estimator_class
from common.estimators.transforms import standardise
from common.models.critics import make_critic


def pairs(n, d, rho=0.6, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, d))
    return x, rho * x + math.sqrt(1 - rho * rho) * generator.normal(size=(n, d))


BIG = 2**60 + np.arange(600) % 3  # three labels that one float64 stands for


@pytest.mark.parametrize("as_given", [np.asarray, torch.as_tensor, list, lambda v: v.astype(np.uint64)])
def test_integer_labels_beyond_what_a_float_holds(as_given):
    generator = np.random.default_rng(0)
    small, big = BIG - 2**60, as_given(BIG)
    x = small[:, None] + 0.5 * generator.normal(size=(600, 1))
    assert create("discrete").estimate(big, small) == create("discrete").estimate(small, small)
    assert create("auto").estimate(big, small) == create("auto").estimate(small, small)
    for name in ("mixed_ksg", "auto"):
        assert create(name).estimate(x, big) == create(name).estimate(x, small)
    assert create("classifier", steps=20).estimate(x, big) == create("classifier", steps=20).estimate(x, small)


def test_integers_that_floats_hold_come_back_as_they_are():
    small = np.array([2**53, -(2**53), 7])
    assert exact_integers(small) is small
    assert as_labels(small, "y").ravel().tolist() == small.tolist()
    two = np.array([[2**63 - 1, 5], [-(2**63), 9], [2**63 - 2, 5]])
    assert exact_integers(two).tolist() == [[2, 0], [0, 1], [1, 0]]


@pytest.mark.parametrize("name", ["discrete", "classifier", "mixed_ksg"])
def test_float_labels_that_cannot_tell_integers_apart_are_refused(name):
    x = np.arange(600) % 2
    with pytest.raises(ValueError, match=r"beyond 2\*\*53"):
        create(name).estimate(x, BIG.astype(float))


def test_what_is_not_a_plain_number_is_refused():
    x, y = (v[:, 0] for v in pairs(50, 1))
    for spoilt, message in ((x + 1j, "complex"), (torch.as_tensor(x + 1j), "complex"), (list(x + 1j), "complex")):
        with pytest.raises(ValueError, match=message):
            create("pearson").estimate(spoilt, y)
    masked = np.ma.masked_array(np.where(np.arange(50) == 3, -9999, x), np.arange(50) == 3)
    with pytest.raises(ValueError, match="masked"):
        create("pearson").estimate(masked, y)
    assert create("pearson").estimate(np.ma.masked_array(x), y) == create("pearson").estimate(x, y)


@pytest.mark.parametrize("exponent", [-1000, -540, 0, 540, 1020])
def test_standardise_at_scales_whose_squares_leave_the_range(exponent):
    x = pairs(200, 3)[0]
    scaled = np.ldexp(x, np.array([exponent, 0, 0]))
    assert np.array_equal(standardise(scaled), standardise(x))


def test_mixed_ksg_says_how_many_rows_it_kept():
    x, y = pairs(300, 1)
    y = np.where(np.arange(300) < 200, np.round(y[:, 0]), y[:, 0])  # the others stand alone
    kept = create("mixed_ksg").estimate_with_info(x, y).additional_information["rows"]
    _, counts = np.unique(y, return_counts=True)
    assert kept == counts[counts > 1].sum() < 202
    assert create("mixed_ksg", method="gao").estimate_with_info(x, y).additional_information["rows"] == 300


def test_fewer_steps_than_a_check():
    x, y = pairs(1200, 4)
    assert create("auto", steps=50).estimate_with_info(x, y).additional_information["steps"] == 50
    result = create("classifier", steps=30).estimate_with_info(x, y[:, 0] > 0)
    assert len(result.curve) == 2
    assert result.mi_estimate > 0.1


@pytest.mark.parametrize("name", ["donsker_varadhan", "classifier", "renyi", "auto", "club"])
def test_settings_that_train_nothing_are_refused(name):
    x, y = pairs(1100, 4)
    if name == "classifier":
        y = y[:, 0] > 0
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        create(name, steps=0).estimate(x, y)
    if name != "auto":
        with pytest.raises(ValueError, match="batch must be at least"):
            create(name, batch=0).estimate(x, y)


def test_a_batch_of_one_row_has_no_product_pair():
    with pytest.raises(ValueError, match="batch must be at least 2, got 1"):
        create("donsker_varadhan", batch=1).estimate(*pairs(200, 2))


def test_a_joint_critic_without_a_layer_is_refused():
    with pytest.raises(ValueError, match="hidden layer"):
        make_critic("joint", 2, 2, (), [torch.Generator()])
    with pytest.raises(ValueError, match="hidden layer"):
        create("nwj", critic="joint", hidden=()).estimate(*pairs(200, 2))


EMPTY = np.empty((0, 2))


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("empty", [EMPTY, EMPTY.astype(int), torch.empty(0, 2)])
def test_no_rows_at_all_are_too_few(name, empty):
    with pytest.raises(ValueError, match="a sample needs at least 2 rows, got 0"):
        create(name).estimate(empty, empty)


NAN = math.nan
OUT_OF_RANGE = {
    "alpha": [0, -0.1, NAN, "1"],
    "clip": [0.0, -5, NAN],
    "held_out": [0, 1, -0.2, 1.5, NAN, "half"],
    "lr": [0.0, -1e-3, NAN, math.inf],
    "rate": [0, -0.1, 1.01, NAN],
    "ridge": [-1e-9, NAN, math.inf],
    "target": [NAN, math.inf],
    "weight": [-0.1, NAN],
    "workers": [0, -2, 1.0, NAN],
}


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("device", "gpu", "device 'gpu' cannot be used here, take 'cpu'"),
        ("device", "cuda:99", "device 'cuda:99' cannot be used here, take 'cpu'"),
        ("seed", 1.5, r"seed must be a whole number, got 1\.5"),
        ("hidden", 64, "hidden must be a list of layers' widths, got 64"),
        ("hidden", (64, 0), "a width of hidden must be at least 1, got 0"),
        ("slices", 0, "slices must be at least 1, got 0"),
        ("order", 0, "order must be at least 1, got 0"),
        ("rank", 0, "rank must be at least 1, got 0"),
        ("steps", 2.5, r"steps must be a whole number, got 2\.5"),
        ("k", 0, "k must be at least 1, got 0"),
        ("k", 2.5, r"k must be a whole number, got 2\.5"),
        ("max_rows", "many", "max_rows must be a whole number, got 'many'"),
        *((name, value, f"{name} must be a") for name, values in OUT_OF_RANGE.items() for value in values),
        ("held_out", 1.0, r"held_out must be a share between 0 and 1, neither of them, got 1\.0"),
        ("workers", 0, "workers must be a whole number from 1, or -1 for all cores, got 0"),
    ],
)
def test_a_setting_that_nothing_runs_with_is_named(setting, value, message):
    x, y = np.arange(60) % 7 + 0.0, np.arange(60) % 3
    having = [name for name in names() if setting in {field.name for field in fields(estimator_class(name))}]
    assert having
    for name in having:
        with pytest.raises(ValueError, match=f"^{message}"):
            create(name, **{setting: value}).estimate(x if name != "discrete" else y, y)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a device that is not there")
def test_cuda_where_there_is_none_is_refused():
    with pytest.raises(ValueError, match="device 'cuda' cannot be used here, take 'cpu'"):
        create("mine", device="cuda").estimate(*pairs(60, 1))


@pytest.mark.parametrize("n", [2, 3])
def test_auto_refuses_as_few_rows_as_it_says(n):
    """Two rows are no two labels: each stood for itself, and ln 2 with its correction was what came of it."""
    x, y = pairs(n, 1)
    with pytest.raises(ValueError, match=r"needs more than d_x \+ d_y \+ 1 rows"):
        create("auto").estimate(x, y)
    assert math.isfinite(create("auto").estimate(*pairs(4, 1)))


@pytest.mark.parametrize("rows", [60, 100, 400])
def test_hsic_against_a_constant_is_nothing(rows):
    for seed in range(10):
        x = pairs(rows, 2, seed=seed)[0]
        assert create("hsic").estimate(x, np.full(rows, 3.7)) == 0
        assert create("hsic").estimate(np.full(rows, 0.1), x) == 0
        assert create("hsic").estimate(np.full(rows, 0.1), np.full(rows, 0.3)) == 0
        outlier = np.where(np.arange(rows) == np.random.default_rng(seed).permutation(rows)[-1], 5.0, 0.3)
        assert create("hsic", max_rows=50, seed=seed).estimate(x, outlier) == 0, "its rows that are left are constant"


@pytest.mark.parametrize("rows", [4, 60, 400, 1000])
def test_a_distance_correlation_with_all_rows_but_one_the_same_is_nothing(rows):
    """U-centring leaves exactly nothing of such distances; what rounding leaves was once divided by."""
    for seed in range(10):
        x = pairs(rows, 2, seed=seed)[0]
        apart = np.where(np.arange(rows) == seed % rows, 5.0, 0.3)
        for left, right in ((x, apart), (apart, x), (apart, apart), (x, np.full(rows, 0.1))):
            assert create("distance_correlation").estimate(left, right) == 0


def test_ties_that_pass_for_shared_tails_are_warned_of():
    generator = np.random.default_rng(0)
    binary = generator.integers(0, 2, (2000, 2))
    with pytest.warns(UserWarning, match=r"^t_copula read the ties of columns of fewer than 10 values as tails"):
        create("t_copula").estimate(binary[:, 0], binary[:, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        create("t_copula").estimate(binary[:, 0], generator.normal(size=2000))
        create("t_copula").estimate(*generator.standard_t(2, size=(2, 300)))
        create("t_copula").estimate(*generator.normal(size=(2, 6)))
