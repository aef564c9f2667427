"""What every registered estimator must do, whatever it estimates."""

import dataclasses
import math
import warnings

import numpy as np
import pytest
import torch

from common.estimators import create, names
from common.estimators.registry import estimator_class

QUICK = {"steps": 60, "check": 20, "slices": 20}  # enough to run every line, not to be accurate


def make(name, **parameters):
    fields = {f.name for f in dataclasses.fields(estimator_class(name))}
    return create(name, **{k: v for k, v in QUICK.items() if k in fields} | parameters)


def sample(name, n=240, dependent=True, seed=0):
    """Two columns a side, labels where the estimator asks for them."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, 2))
    y = (x if dependent else generator.normal(size=(n, 2))) + 0.7 * generator.normal(size=(n, 2))
    labels = estimator_class(name).labels
    if labels != "none" or name == "mixed_ksg":  # which takes any y, but by default one that repeats
        y = (y[:, :1] > 0).astype(int)
    if labels == "both":
        x = np.digitize(x[:, :1], [-0.5, 0.5])
    return x, y


@pytest.fixture(params=names())
def name(request):
    return request.param


def test_says_what_its_number_means(name):
    kind = estimator_class(name)
    assert kind.unit in {"nats", "correlation"}
    assert len(kind.bias) > 5
    assert "Cost" in kind.__doc__
    assert "Bias" in kind.__doc__


def test_result_has_the_benchmark_shape(name):
    estimator = make(name)
    result = estimator.estimate_with_info(*sample(name))
    assert math.isfinite(result.mi_estimate)
    assert result.time_in_seconds > 0
    assert isinstance(result.additional_information, dict)
    assert isinstance(result.curve, list)
    assert result.converged in {True, False}
    assert result.diverged is False
    if estimator.unit == "correlation":
        assert 0 <= result.mi_estimate <= 1


def test_same_value_for_arrays_tensors_dtypes_and_repeats(name):
    x, y = sample(name)
    value = make(name).estimate(x, y)
    assert make(name).estimate(torch.as_tensor(x), torch.as_tensor(y)) == value
    rounded = make(name).estimate(x.astype(np.float32), y.astype(np.float32))
    assert rounded == pytest.approx(value, abs=0.02)


def test_one_dimensional_input_is_a_column(name):
    x, y = (v[:, 0] for v in sample(name))
    assert make(name).estimate(x, y) == make(name).estimate(x[:, None], y[:, None])


def test_shuffled_pairs_are_about_independent(name):
    x, y = sample(name, n=600, dependent=False)
    y = y[np.random.default_rng(1).permutation(len(y))]
    # Correlations carry an absolute value or the root of a positive part: twice 0.8 / sqrt(held-out rows).
    limit = 0.08 if estimator_class(name).unit == "nats" else 0.2
    assert abs(make(name).estimate(x, y)) < limit


def test_dependent_pairs_stand_out(name):
    x, y = sample(name, n=600)
    shuffled = make(name).estimate(x, y[np.random.default_rng(2).permutation(len(y))])
    assert make(name, **({"steps": 300} if hasattr(make(name), "steps") else {})).estimate(x, y) > shuffled + 0.05


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x, y: (x, y[:-1]), "rows"),
        (lambda x, y: (x[:1], y[:1]), "2 rows|10 rows"),
        (lambda x, y: (np.where(np.arange(len(x))[:, None] == 3, np.nan, x), y), "NaN"),
        (lambda x, y: (x, np.where(np.arange(len(y))[:, None] == 3, np.inf, y)), "infinity"),
        (lambda x, y: (x[:, :, None], y), "rank"),
        (lambda x, y: (x[:, :0], y), "no feature"),
        (lambda x, y: ([["a"]] * len(x), y), "numeric"),
    ],
)
def test_bad_input_is_refused(name, spoil, message):
    x, y = (v.astype(float) for v in sample(name, n=40))
    with pytest.raises(ValueError, match=message):
        make(name).estimate(*spoil(x, y))


def test_labels_must_be_whole_numbers(name):
    if estimator_class(name).labels == "none":
        x, y = sample(name, n=60)
        assert math.isfinite(make(name).estimate(x, y))
        return
    x, y = sample(name, n=60)
    with pytest.raises(ValueError, match="integer"):
        make(name).estimate(x, y + 0.5)


def test_global_random_state_is_left_alone(name):
    torch.manual_seed(5)
    np.random.seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    make(name).estimate(*sample(name))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])


def test_a_constant_side_carries_nothing(name):
    x, y = sample(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        value = make(name).estimate(np.zeros_like(x), y)
    assert abs(value) < 0.08 if estimator_class(name).unit == "nats" else value <= 0.2


def test_parameters_are_the_constructor_s(name):
    parameters = create(name).parameters()
    assert create(name, **parameters) == create(name)
    if "seed" in parameters:
        assert create(name, seed=7).parameters()["seed"] == 7


def test_unknown_names_and_parameters_are_listed():
    with pytest.raises(ValueError, match="there are auto"):
        create("mutual")
    with pytest.raises(ValueError, match="has no parameter kk; it has k"):
        create("ksg", kk=3)


def test_readme_says_what_the_classes_say(root):
    page = (root / "common/estimators/README.md").read_text()
    for name in names():
        kind = estimator_class(name)
        assert f"| `{name}` | {kind.unit} | {kind.bias} |" in page
