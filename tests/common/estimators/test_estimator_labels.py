"""What auto takes for labels, and how it reads the side beside them."""

import math
import warnings

import numpy as np
import pytest

from common.estimators import create
from common.estimators.transforms import rank_gaussian


def route(x, y):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = create("auto").estimate_with_info(x, y)
    return result.mi_estimate, result.additional_information["method"], result.additional_information["labels"]


def test_beside_labels_columns_enter_as_they_are():
    """Affine maps change nothing, others do: what is wanted by ranks is given as normal scores."""
    x = np.random.default_rng(0).normal(size=(500, 3))
    labels = (x[:, 0] + 0.5 * x[:, 1] > 0).astype(int)
    value = create("auto").estimate(x, labels)
    assert value > 0.5
    assert create("auto").estimate(labels, 4 * x - 1) == pytest.approx(value, abs=1e-9)
    assert create("auto").estimate(np.exp(4 * x), labels) < value - 0.1
    assert create("auto").estimate(rank_gaussian(np.exp(4 * x)), labels) == pytest.approx(value, abs=0.05)


def test_ten_classes_in_a_small_sample_are_classes():
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 15)
    x = 8 * generator.permutation(np.eye(10))[labels] + generator.normal(size=(150, 10))
    value, method, sides = route(x, labels)
    assert (method, sides) == ("mixed_ksg", ["y"])
    assert value == pytest.approx(math.log(10), abs=0.1)
    value, method, sides = route(labels, (7 * labels) % 10)
    assert (method, sides) == ("discrete", ["x", "y"])
    assert value == pytest.approx(math.log(10), abs=0.1)


def test_a_table_of_more_cells_than_rows_is_not_counted():
    """Two independent counts of some 25 values: the table would find more than a nat."""
    counts = np.random.default_rng(0).poisson(40, size=(2, 200))
    cells = len(np.unique(counts[0])) * len(np.unique(counts[1]))
    assert cells > 400
    with pytest.warns(UserWarning, match="whole numbers in 200 rows and is taken as continuous"):
        result = create("auto").estimate_with_info(*counts)
    assert result.additional_information["method"] == "ksg"
    assert result.additional_information["labels"] == []
    assert abs(result.mi_estimate) < 0.15
    assert create("discrete").estimate(*counts) > 0.5


def test_fractions_and_unlike_numbers_are_continuous():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(150, 1))
    assert route(x, np.round(2 * x) / 2 + 0.25)[1:] == ("ksg", [])
    assert route(x, np.arange(150))[1:] == ("ksg", [])
    with pytest.warns(UserWarning, match="y holds 50 whole numbers"):
        create("auto").estimate(x, np.arange(150) % 50)
