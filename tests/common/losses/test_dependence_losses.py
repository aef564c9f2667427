"""CLUB, HSIC, correlations and slices against closed forms, direct formulas and finite differences."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch

from common.losses.club import club, gaussian_log_likelihood
from common.losses.correlation import correlation, maximal_correlation, mean_correlation
from common.losses.hsic import gaussian_kernel, hsic_alignment, unbiased_hsic
from common.losses.sliced import fit_slices, random_directions, slice_features, solve_canonical


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_club_closed_form():
    """q the true conditional: rho^2 / (1 - rho^2) a dimension, above the information."""
    rho, d = 0.6, 3
    x = normal(40_000, d)
    y = rho * x + 0.8 * normal(40_000, d, seed=1)
    value = club(y, rho * x, torch.full_like(x, math.log(0.64))).item()
    assert value == pytest.approx(d * 0.36 / 0.64, rel=0.03)
    assert value > -0.5 * d * math.log(0.64)


def test_club_equals_the_pairwise_definition():
    y, mean, log_variance = normal(7, 2), normal(7, 2, seed=1), 0.3 * normal(7, 2, seed=2)
    joint = gaussian_log_likelihood(y, mean, log_variance).mean()
    pairs = gaussian_log_likelihood(y[None], mean[:, None], log_variance[:, None]).mean()
    torch.testing.assert_close(club(y, mean, log_variance), joint - pairs)


def test_hsic_equals_its_formula_and_vanishes_in_the_mean():
    k, l = (gaussian_kernel(normal(12, 2, seed=s)) for s in (0, 1))  # noqa: E741
    n = 12
    a, b = (m - torch.diag(m.diagonal()) for m in (k, l))
    one = torch.ones(n, dtype=torch.float64)
    expected = torch.trace(a @ b) + (one @ a @ one) * (one @ b @ one) / ((n - 1) * (n - 2))
    expected = (expected - 2 / (n - 2) * (one @ a @ b @ one)) / (n * (n - 3))
    torch.testing.assert_close(unbiased_hsic(k, l), expected)
    draws = torch.stack(
        [unbiased_hsic(*(gaussian_kernel(normal(20, 1, seed=1000 * s + t), 1.0) for s in (1, 2))) for t in range(200)]
    )
    assert abs(draws.mean()) < 3.5 * draws.std() / math.sqrt(200)
    assert unbiased_hsic(k, k) > 0
    assert hsic_alignment(k, k).item() == pytest.approx(1.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [4, 60, 500])
def test_one_row_apart_from_equal_ones_is_aligned_with_nothing(dtype, n):
    """Centring leaves exactly nothing of its kernel: what fp32 holds of it was once divided by."""
    apart = torch.zeros(n, 2, dtype=dtype)
    apart[n // 2] = 1.5
    codes = apart.requires_grad_()
    other = gaussian_kernel(normal(n, 3).to(dtype))
    for bandwidth in (None, 1.0, 30.0):
        kernel = gaussian_kernel(codes, bandwidth)
        for value in (hsic_alignment(kernel, other), hsic_alignment(other, kernel), hsic_alignment(kernel, kernel)):
            assert value.item() == 0
            (slope,) = torch.autograd.grad(value, codes, retain_graph=True)
            assert not slope.any()


def test_correlations():
    x = normal(50, 3)
    assert correlation(x[:, 0], -2 * x[:, 0] + 1).item() == pytest.approx(-1)
    assert correlation(x[:, 0], torch.ones(50, dtype=torch.float64)).item() == 0
    y = normal(50, 2, seed=1)
    table = np.corrcoef(x.T, y.T)[:3, 3:]
    assert mean_correlation(x, y).item() == pytest.approx(np.abs(table).mean())


def test_maximal_correlation_of_tables():
    assert maximal_correlation(torch.full((3, 4), 1 / 12)).item() == pytest.approx(0, abs=1e-6)
    assert maximal_correlation(torch.eye(3, dtype=torch.float64) / 3).item() == pytest.approx(1)
    p = 0.1  # a binary symmetric channel: 1 - 2p
    table = torch.tensor([[0.5 - p / 2, p / 2], [p / 2, 0.5 - p / 2]], dtype=torch.float64)
    assert maximal_correlation(table).item() == pytest.approx(1 - 2 * p)


def direct_canonical(x, y, ridge):
    """The largest generalised eigenvalue of the textbook problem, through scipy."""
    n = len(x)
    x, y = x - x.mean(0), y - y.mean(0)
    a, b, c = x.T @ x / n, y.T @ y / n, x.T @ y / n
    a, b = a + ridge * np.eye(len(a)), b + ridge * np.eye(len(b))
    values, vectors = scipy.linalg.eigh(c @ np.linalg.solve(b, c.T), a)
    left = vectors[:, -1]
    right = np.linalg.solve(b, c.T @ left)
    return math.sqrt(values[-1]), abs(np.corrcoef(x @ left, y @ right)[0, 1])


@pytest.mark.parametrize(("slices", "ridge"), [(10, 0.0), (10, 1e-3), (80, 1e-3)])
def test_solve_equals_a_direct_one_in_both_forms(slices, ridge):
    """30 features (primal) and 240 (dual) on 150 rows, to 1e-6."""
    generator = torch.Generator().manual_seed(0)
    x = normal(150, 12)
    y = x[:, :5] ** 2 + normal(150, 5, seed=1)
    features = [slice_features(v, random_directions(slices, v.shape[1], generator, torch.float64)) for v in (x, y)]
    found = solve_canonical(*features, ridge)
    left = (features[0] - found.mean_x) @ found.weight_x
    right = (features[1] - found.mean_y) @ found.weight_y
    value, expected = direct_canonical(*(f.numpy() for f in features), ridge)
    assert found.value.item() == pytest.approx(value, abs=1e-6)
    assert abs(correlation(left, right).item()) == pytest.approx(expected, abs=1e-6)


def test_slices_send_gradient_to_both_sides_and_none_to_the_fit():
    x, y = normal(40, 3), normal(40, 2, seed=1)
    fitted = fit_slices(x, y, 4, torch.Generator().manual_seed(0))
    assert not fitted.canonical.weight_x.requires_grad
    x.requires_grad_()
    y.requires_grad_()
    assert torch.autograd.gradcheck(fitted.correlation, (x, y), atol=1e-6)


def test_slices_ignore_scale_shift_and_row_order():
    x = normal(300, 4)
    y = x[:, :2] * x[:, 2:] + 0.3 * normal(300, 2, seed=1)
    fitted = fit_slices(x, y, 10, torch.Generator().manual_seed(0))
    value = fitted.correlation(x, y)
    torch.testing.assert_close(fitted.correlation(3 * x - 1, 0.1 * y + 7), value)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(fitted.correlation(x[order], y[order]), value)


def test_more_slices_fit_no_worse():
    x = normal(200, 4)
    y = x[:, :1] ** 2 + normal(200, 1, seed=1)
    features_y = slice_features(y, torch.ones(1, 1, dtype=torch.float64))
    directions = random_directions(12, 4, torch.Generator().manual_seed(0), torch.float64)
    values = [solve_canonical(slice_features(x, directions[:, :s]), features_y, 0.0).value for s in (1, 4, 12)]
    assert values == sorted(values)
