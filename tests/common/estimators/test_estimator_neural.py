"""Neural estimators on data of known information; stacks; maximal correlation; CLUB; slices; auto."""

import math

import numpy as np
import pytest
import torch

from common.estimators import create
from common.estimators.optimiser import FlatAdam
from common.losses.correlation import maximal_correlation


def pairs(n, d, rho, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, d))
    return x, rho * x + math.sqrt(1 - rho * rho) * generator.normal(size=(n, d)), -0.5 * d * math.log(1 - rho**2)


BOUNDS = ["donsker_varadhan", "mine", "remine", "nwj", "tuba", "infonce", "interpolated", "js", "smile"]


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_find_a_gaussian_pair_and_stay_below(name):
    """Three pairs of coordinates, rho 0.6, 0.669 nats; held-out standard error about 0.03."""
    x, y, truth = pairs(3000, 3, 0.6)
    value = create(name, steps=500).estimate(x, y)
    assert truth - 0.12 < value < truth + 0.08


@pytest.mark.parametrize(("critic", "lr"), [("joint", 3e-3), ("hybrid", 3e-3), ("bilinear", 3e-2)])
def test_other_critics(critic, lr):
    x, y, truth = pairs(2000, 1, 0.8)
    value = create("donsker_varadhan", critic=critic, hidden=(32,), batch=64, steps=400, lr=lr).estimate(x, y)
    assert truth - 0.1 < value < truth + 0.08
    with pytest.raises(ValueError, match="joint, separable, hybrid, bilinear"):
        create("nwj", critic="linear").estimate(x, y)


def test_infonce_is_capped_by_the_rows_it_compares():
    """Thirty nats against log 500: the ceiling holds on held-out rows."""
    x, y, truth = pairs(4000, 10, 0.9999)
    assert truth > 30
    assert create("infonce", steps=60).estimate(x, y) <= math.log(500) + 1e-6


def test_total_correlation_on_independent_and_dependent_data():
    x, y, truth = pairs(4000, 1, 0.8)
    assert create("total_correlation", steps=500).estimate(x, y) == pytest.approx(truth, abs=0.12)
    assert abs(create("total_correlation", steps=300).estimate(x, y[::-1])) < 0.05


def test_club_is_high_where_its_conditional_is_right():
    x, y, truth = pairs(4000, 2, 0.6)
    value = create("club", steps=400).estimate(x, y)
    assert value == pytest.approx(2 * 0.36 / 0.64, rel=0.15)
    assert value > truth


def test_information_survives_reparametrisation():
    """y -> atanh-like maps keep it; the held-out bound follows within noise."""
    x, y, _ = pairs(3000, 1, 0.7)
    values = [create("donsker_varadhan", copula=True, steps=300).estimate(x, f(y)) for f in (np.arctan, np.sinh)]
    assert values[0] == pytest.approx(values[1], abs=1e-4)


def test_stack_equals_members_alone():
    x, y, _ = pairs(600, 2, 0.7)
    other = pairs(600, 2, 0.3, seed=1)[:2]
    estimator = create("remine", steps=60, check=20)
    stack = estimator.estimate_stack([(x, y), other], seeds=[3, 4])
    alone = [create("remine", steps=60, check=20, seed=s).estimate(*p) for s, p in ((3, (x, y)), (4, other))]
    assert stack.values == pytest.approx(alone, abs=2e-4)
    one_set = estimator.estimate_stack([(x, y)], seeds=[3, 5])
    assert one_set.values[0] == pytest.approx(alone[0], abs=2e-4)
    assert one_set.curves.shape == (2, 3)
    with pytest.raises(ValueError, match="one for each"):
        estimator.estimate_stack([(x, y), other], seeds=[1, 2, 3])


def test_stream_values_batches_before_training_on_them():
    generator = torch.Generator().manual_seed(0)

    def draw(step):
        x, e = torch.randn(2, 64, 2, generator=generator)
        return x, 0.8 * x + 0.6 * e

    values = create("js", lr=3e-3).stream(draw, 400)
    truth = -math.log(1 - 0.64)
    assert abs(values[0]) < 0.1
    assert values[-100:].mean() == pytest.approx(truth, abs=0.15)


def test_two_sided_and_one_sided_maximal_correlation():
    """y = 0.8 x + noise: both 0.8. y = sign-symmetric in x: f(x) explains y. x = y^2 noise-free: only g(y) does."""
    x, y, _ = pairs(4000, 1, 0.8)
    for two_sided in (True, False):
        assert create("renyi", two_sided=two_sided, steps=300).estimate(x, y) == pytest.approx(0.8, abs=0.04)
    z = np.random.default_rng(0).normal(size=(4000, 1))
    assert create("renyi", two_sided=False, steps=300).estimate(z, z**2) > 0.97
    assert create("renyi", two_sided=True, steps=300).estimate(z**2, z) > 0.97
    assert create("renyi", two_sided=False, steps=300).estimate(z**2, z) < 0.1


def test_maximal_correlation_of_a_binary_label():
    """For binary y both forms are the correlation ratio, the second singular value of the table."""
    generator = np.random.default_rng(0)
    x = generator.integers(0, 3, 6000)
    y = (generator.random(6000) < np.array([0.2, 0.5, 0.9])[x]).astype(float)
    table = np.zeros((3, 2))
    np.add.at(table, (x, y.astype(int)), 1 / 6000)
    truth = maximal_correlation(torch.as_tensor(table)).item()
    for two_sided in (True, False):
        value = create("renyi", two_sided=two_sided, steps=200).estimate(np.eye(3)[x], y)
        assert value == pytest.approx(truth, abs=0.05)


@pytest.mark.parametrize("rho", [0.3, 0.9])
def test_slices_of_a_gaussian_pair(rho):
    x, y, _ = pairs(5000, 1, rho)
    value = create("sliced", slices=50).estimate(x, y)
    assert value == pytest.approx(rho, abs=3.5 * (1 - rho**2) / math.sqrt(1000) + 0.005)


@pytest.mark.parametrize("rows", [10, 50, 400])
def test_slices_of_a_column_and_itself_are_wholly_dependent(rows):
    x = np.random.default_rng(rows).normal(size=(rows, 1))
    found = create("sliced", slices=5).estimate_with_info(x, x)
    assert found.mi_estimate == pytest.approx(1, abs=1e-12) == found.additional_information["train"]


def test_slices_see_what_correlation_does_not_and_do_not_fit_noise():
    z = np.random.default_rng(0).normal(size=(3000, 1))
    assert create("pearson").estimate(z, z**2) < 0.1
    assert create("sliced", slices=50).estimate(z, z**2) > 0.9
    noise = np.random.default_rng(1).normal(size=(500, 80)), np.random.default_rng(2).normal(size=500)
    result = create("sliced", slices=100).estimate_with_info(*noise)
    assert result.additional_information["train"] > 0.7
    assert result.mi_estimate < 0.3


def test_auto_on_elliptical_data_is_the_closed_form():
    x, y, truth = pairs(4000, 6, 0.5)
    result = create("auto").estimate_with_info(np.sinh(x), np.arctan(y))
    assert result.additional_information["method"] == "copula"
    assert result.mi_estimate == pytest.approx(truth, abs=0.06)


def test_auto_learns_what_no_copula_holds():
    """y's second coordinate turns with the sign of its first: uncorrelated, one bit and more shared."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(4000, 2))
    e = generator.normal(size=(4000, 2))
    sign = np.sign(x[:, :1])
    latent = 0.8 * x[:, 1:] + 0.6 * e[:, :1]
    y = np.hstack([sign * latent, latent])  # ratio of the columns tells the sign, the second one x_2
    y += 0.05 * generator.normal(size=y.shape)
    result = create("auto").estimate_with_info(x, y)
    assert result.additional_information["method"] == "copula+network"
    truth = 0.5 * math.log(1 / 0.36) + math.log(2)  # the signs are lost only near latent = 0
    assert truth - 0.3 < result.mi_estimate < truth + 0.05
    assert result.additional_information["held_out_gain"] > 0.3


def test_auto_takes_the_method_that_the_data_call_for():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 1))
    labels = generator.integers(0, 3, 300)
    method = lambda a, b: create("auto").estimate_with_info(a, b).additional_information["method"]  # noqa: E731
    assert method(x, x + generator.normal(size=(300, 1))) == "ksg"
    assert method(labels, labels) == "discrete"
    assert method(labels, x) == "mixed_ksg"
    assert method(generator.normal(size=(300, 3)), generator.normal(size=(300, 3))) == "copula"


def test_flat_adam_steps_as_the_library_s():
    models = [torch.nn.Linear(3, 2) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    ours, theirs = FlatAdam(models[0], 0.05), torch.optim.Adam(models[1].parameters(), lr=0.05)
    data = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    for _ in range(5):
        for model, optimiser in zip(models, (ours, theirs), strict=True):
            optimiser.zero_grad()
            model(data).square().sum().backward()
            optimiser.step()
    torch.testing.assert_close(models[0].weight, models[1].weight, atol=1e-5, rtol=1e-5)
