"""Known answers of the Gaussian generators (InfoShape sheet, sections 2a and 4)."""

import math

import pytest
import torch

from common.data import gaussians as g


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_shapes_types_and_order():
    x, labels = g.thesis_gaussians(30, 20, (-0.99, 0.99), seeded())
    assert x.shape == (60, 20)
    assert x.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert labels.tolist() == [0] * 30 + [1] * 30


@pytest.mark.parametrize("rhos", [(-0.99, 0.99), (0.3, 0.7)])
def test_sample_covariance_is_the_stated_one(rhos):
    n = 200_000
    x, labels = g.thesis_gaussians(n, 6, rhos, seeded(1))
    for label, rho in enumerate(rhos):
        part = x[labels == label].double()
        # the standard error of a sample covariance of unit normals is at most sqrt(2 / n); five of them
        assert torch.allclose(part.T @ part / n, g.component_covariance(6, rho), atol=5 * math.sqrt(2 / n))
        assert part.mean(0).abs().max() < 5 / math.sqrt(n)


def test_same_seed_same_draw_and_other_seed_other_draw():
    one, _ = g.thesis_gaussians(5, 4, (-0.5, 0.5), seeded(3))
    again, _ = g.thesis_gaussians(5, 4, (-0.5, 0.5), seeded(3))
    other, _ = g.thesis_gaussians(5, 4, (-0.5, 0.5), seeded(4))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_global_random_state_is_left_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    g.thesis_gaussians(5, 4, (-0.5, 0.5), seeded())
    assert torch.equal(before, torch.get_rng_state())


def test_closed_forms_of_the_thesis():
    assert g.component_entropy(20, 0.99) == pytest.approx(8.7936, abs=5e-5)
    assert g.component_entropy(20, -0.99) == pytest.approx(8.7936, abs=5e-5)
    assert g.mixture_entropy(20, (-0.99, 0.99)) == pytest.approx(9.4867, abs=5e-5)
    # the notebook prints 19.585182, which is this number after single-precision arithmetic
    assert g.pair_information(10, 0.99) == pytest.approx(19.5851777, abs=5e-7)
    assert g.pair_information(20, 0.5) == pytest.approx(2.877, abs=5e-4)
    assert g.pair_information(20, 0.9) == pytest.approx(16.61, abs=5e-3)
    assert g.pair_information(3, 0.0) == 0.0
    assert g.pair_information(1, 1.0) == math.inf


def test_halves_of_the_whole_vector_share_ln_2_less_than_those_of_a_component():
    # each half is a standard normal vector whatever the label, so I(a; b) = h(a) + h(b) - h(X), and h(X) has ln 2 more
    half = g.component_entropy(10, 0.0)
    whole = 2 * half - g.mixture_entropy(20, (-0.99, 0.99))
    assert half == pytest.approx(5 * (1 + math.log(2 * math.pi)))
    assert whole == pytest.approx(18.8920, abs=5e-5)  # the sheet's
    assert whole == pytest.approx(g.pair_information(10, 0.99) - math.log(2), abs=1e-9)


def test_entropy_agrees_with_the_covariance():
    logdet = torch.linalg.slogdet(g.component_covariance(20, 0.7)).logabsdet.item()
    assert g.component_entropy(20, 0.7) == pytest.approx(0.5 * logdet + 10 * (1 + math.log(2 * math.pi)), abs=1e-10)


@pytest.mark.parametrize(("nats", "rho"), [(2, 0.4258), (4, 0.5742), (6, 0.6717), (8, 0.7421), (10, 0.7951)])
def test_rho_of_the_standard_ladder(nats, rho):
    assert g.rho_of_information(20, nats) == pytest.approx(rho, abs=5e-5)
    assert g.pair_information(20, g.rho_of_information(20, nats)) == pytest.approx(nats, abs=1e-9)


def test_pairs_have_the_wanted_correlation():
    x, y = g.correlated_pairs(200_000, 3, 1.5, seeded())
    sample = (x * y).mean(0)
    assert torch.allclose(sample, torch.full((3,), g.rho_of_information(3, 1.5)), atol=5 * math.sqrt(2 / 200_000))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: g.thesis_gaussians(5, 3, (0.1, 0.2), seeded()), "even"),
        (lambda: g.thesis_gaussians(0, 4, (0.1, 0.2), seeded()), "n_per_class"),
        (lambda: g.thesis_gaussians(5, 4, (0.1, 1.2), seeded()), "correlation"),
        (lambda: g.rho_of_information(5, -1.0), "at least 0"),
        (lambda: g.pair_information(5, math.nan), "correlation"),
    ],
)
def test_bad_arguments_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
