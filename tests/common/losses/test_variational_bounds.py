"""Bounds against their definitions, at their optima, at their ceilings and at scores that overflow naively."""

import math

import pytest
import torch

from common.losses.contrastive import (
    donsker_varadhan_matrix,
    infonce,
    interpolated,
    joint_scores,
    marginal_scores,
)
from common.losses.density_ratio import jensen_shannon, nwj, ratio_information, smile, tuba
from common.losses.variational import donsker_varadhan, mine, remine


def gaussian_ratio(x, y, rho):
    """ln p(x, y) / p(x) p(y) of coordinate pairs of correlation rho, every row of x with every row of y."""
    d, spread = x.shape[-1], 1 - rho * rho
    squares = (x**2).sum(-1)[..., :, None] + (y**2).sum(-1)[..., None, :]
    return -0.5 * d * math.log(spread) + (rho * x @ y.mT - 0.5 * rho * rho * squares) / spread


@pytest.fixture(scope="module")
def exact_scores():
    """Thirty score matrices of the exact log ratio: 2-d, rho 0.6, I = 0.4463 nats."""
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.randn(2, 30, 400, 2, generator=generator, dtype=torch.float64)
    return gaussian_ratio(x, 0.6 * x + 0.8 * noise, 0.6), -math.log(1 - 0.36)


def near(values, truth, errors=3.5):
    """Whether the mean lies within a few standard errors of the truth, and these are small enough to tell."""
    error = values.std() / math.sqrt(len(values))
    assert error < 0.02
    return abs(values.mean() - truth) < errors * error


def test_exact_ratio_gives_the_information(exact_scores):
    scores, truth = exact_scores
    joint, marginal = joint_scores(scores), marginal_scores(scores)
    assert near(donsker_varadhan(joint, marginal), truth)
    assert near(remine(joint, marginal), truth)
    assert near(nwj(joint + 1, marginal + 1), truth)
    assert near(smile(joint, marginal, math.inf), truth)
    assert near(ratio_information(joint), truth)


def test_nwj_at_the_plain_ratio_is_short_by_one_over_e(exact_scores):
    scores, truth = exact_scores
    assert near(nwj(joint_scores(scores), marginal_scores(scores)), truth - 1 / math.e)


def test_tuba_is_tight_at_any_baseline_and_nwj_at_one(exact_scores):
    scores, truth = exact_scores
    log_a = torch.linspace(-1, 2, scores.shape[-1], dtype=scores.dtype).expand(scores.shape[:-1])
    across = marginal_scores(log_a[..., None].expand_as(scores))
    shifted = scores + log_a[..., None]
    assert near(tuba(joint_scores(shifted), marginal_scores(shifted), log_a, across), truth)
    joint, marginal = joint_scores(scores), marginal_scores(scores)
    ones = tuba(joint, marginal, torch.ones_like(joint), torch.ones_like(marginal))
    torch.testing.assert_close(ones, nwj(joint, marginal))


def test_constant_shift():
    generator = torch.Generator().manual_seed(1)
    joint, marginal = torch.randn(50, generator=generator), torch.randn(70, generator=generator)
    torch.testing.assert_close(donsker_varadhan(joint + 3, marginal + 3), donsker_varadhan(joint, marginal))
    at_zero = marginal - torch.logsumexp(marginal, 0) + math.log(70)
    drop = remine(joint, at_zero) - remine(joint + 2, at_zero + 2)
    assert drop.item() == pytest.approx(0.1 * 4, abs=1e-5)
    assert abs(nwj(joint + 2, marginal + 2) - nwj(joint, marginal)) > 0.1


def test_remine_picks_the_constant_by_its_target():
    marginal = torch.zeros(10, dtype=torch.float64)
    shifts = torch.linspace(-2, 3, 501, dtype=torch.float64)
    values = torch.stack([remine(marginal + c, marginal + c, 0.1, 1.5) for c in shifts])
    assert shifts[values.argmax()].item() == pytest.approx(1.5, abs=0.006)
    assert values.max().item() == pytest.approx(0.0, abs=1e-12)


def test_matrix_parts_and_donsker_varadhan_matrix():
    scores = torch.randn(3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    off = [scores[0, i, j].item() for i in range(6) for j in range(6) if i != j]
    assert sorted(marginal_scores(scores)[0].tolist()) == sorted(off)
    expected = donsker_varadhan(joint_scores(scores), marginal_scores(scores))
    torch.testing.assert_close(donsker_varadhan_matrix(scores), expected)
    scores.requires_grad_()
    assert torch.autograd.gradcheck(donsker_varadhan_matrix, scores)


@pytest.mark.parametrize("size", [2, 64, 4000])
def test_infonce_never_passes_log_k(size):
    ceiling = math.log(size) + 1e-6
    best = torch.diag(torch.full((size,), 500.0, dtype=torch.float64))
    assert infonce(best).item() == pytest.approx(math.log(size))
    generator = torch.Generator().manual_seed(3)
    for scale in (0.1, 10.0):
        assert infonce(scale * torch.randn(size, size, generator=generator, dtype=torch.float64)) <= ceiling


@pytest.mark.parametrize("alpha", [0.01, 0.3, 1.0])
def test_interpolated_is_a_lower_bound_under_its_ceiling(exact_scores, alpha):
    scores, truth = exact_scores
    scores = scores[:, :64, :64]
    values = interpolated(scores, torch.zeros(scores.shape[:-1], dtype=scores.dtype), alpha)
    assert values.mean() <= truth + 3.5 * values.std() / math.sqrt(len(values))
    best = torch.diag(torch.full((64,), 300.0, dtype=torch.float64))
    assert interpolated(best, torch.zeros(64, dtype=torch.float64), alpha) <= math.log(64 / alpha) + 1
    with pytest.raises(ValueError, match="alpha"):
        interpolated(best, torch.zeros(64), 0.0)


def test_mine_gradient_is_its_definition():
    """E_P[dT] - E_Q[e^T dT] / average, the average a moving one."""
    generator = torch.Generator().manual_seed(4)
    joint = torch.randn(20, generator=generator, dtype=torch.float64, requires_grad=True)
    marginal = torch.randn(30, generator=generator, dtype=torch.float64, requires_grad=True)
    average, rate = torch.tensor(0.3, dtype=torch.float64), 0.01
    value, new = mine(joint, marginal, average.log(), rate)
    value.backward()
    weights = marginal.detach().exp()
    expected_average = (1 - rate) * average + rate * weights.mean()
    torch.testing.assert_close(new.exp(), expected_average)
    torch.testing.assert_close(marginal.grad, -weights / 30 / expected_average)
    torch.testing.assert_close(joint.grad, torch.full_like(joint, 1 / 20))
    torch.testing.assert_close(value.detach(), donsker_varadhan(joint, marginal).detach())


def test_mine_at_rate_one_is_the_plain_gradient():
    marginal = torch.randn(30, dtype=torch.float64, generator=torch.Generator().manual_seed(5)).requires_grad_()
    joint = torch.zeros(5, dtype=torch.float64)
    (plain,) = torch.autograd.grad(donsker_varadhan(joint, marginal), marginal)
    (averaged,) = torch.autograd.grad(mine(joint, marginal, torch.tensor(7.0, dtype=torch.float64), 1.0)[0], marginal)
    torch.testing.assert_close(plain, averaged)


def test_large_scores_stay_finite_where_the_naive_form_overflows():
    scores = torch.full((8, 8), 100.0, requires_grad=True)
    assert torch.isinf(scores.exp().mean().log())
    joint, marginal = joint_scores(scores), marginal_scores(scores)
    log_average = torch.tensor(100.0)
    for value in (
        donsker_varadhan(joint, marginal),
        donsker_varadhan_matrix(scores),
        remine(joint, marginal),
        mine(joint, marginal, log_average)[0],
        infonce(scores),
        jensen_shannon(joint, marginal),
        smile(joint, marginal),
    ):
        (gradient,) = torch.autograd.grad(value, scores, retain_graph=True)
        assert torch.isfinite(value)
        assert torch.isfinite(gradient).all()


def test_jensen_shannon_limits():
    zeros = torch.zeros(10)
    assert jensen_shannon(zeros, zeros).item() == pytest.approx(-2 * math.log(2))
    assert jensen_shannon(zeros + 60, zeros - 60).item() == pytest.approx(0, abs=1e-12)


def test_smile_clips_the_partition_alone():
    joint, marginal = torch.tensor([20.0, 22.0]), torch.tensor([-30.0, 30.0])
    expected = 21 - math.log((math.exp(-5) + math.exp(5)) / 2)
    assert smile(joint, marginal, 5.0).item() == pytest.approx(expected, rel=1e-6)
