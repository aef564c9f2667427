"""Distance correlation, its slope written out and in blocks, against its definition and the estimator."""

import pytest
import torch

from common.estimators import create
from common.losses.distance import FLOOR, distance_correlation
from tests import plain_forms


def normal(*shape, key=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(key), dtype=torch.float64)


def pair(n=70, d_t=1):
    z, t = normal(3, n, 5).sin(), normal(3, n, d_t, key=1)
    z[0, :, 0] = t[0, :, 0] ** 2
    z[1, 4] = z[1, 9]  # equal rows: a distance without a direction
    return z, t


@pytest.mark.parametrize("d_t", [1, 3])
def test_value_and_slope_are_the_graphs(d_t):
    z, t = pair(d_t=d_t)
    values, slopes = [], []
    for kind in (distance_correlation, plain_forms.distance_correlation):
        codes = z.clone().requires_grad_()
        values.append(kind(codes, t))
        slopes.append(torch.autograd.grad(values[-1].sum(), codes)[0])
    torch.testing.assert_close(*values, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-7)
    assert float(slopes[0][0].abs().max()) > 1e-3


@pytest.mark.parametrize("n", [4, 255, 256, 257, 600])
def test_blocks_give_the_value_of_the_whole(n):
    z, t = pair(max(n, 10))
    z, t = z[:, :n], t[:, :n]
    torch.testing.assert_close(distance_correlation(z, t), plain_forms.distance_correlation(z, t), rtol=1e-6, atol=1e-7)
    narrow = distance_correlation(z.float(), t.float())
    assert narrow.dtype == torch.float32
    torch.testing.assert_close(narrow.double(), plain_forms.distance_correlation(z, t), rtol=1e-3, atol=2e-4)


def test_a_negative_square_has_no_slope():
    found = []
    for key in range(30):
        z = normal(1, 12, 3, key=key).requires_grad_()
        value = distance_correlation(z, normal(1, 12, 2, key=1000 + key))
        (slope,) = torch.autograd.grad(value.sum(), z)
        assert slope.isfinite().all()
        if float(value.detach()) <= 1.0001e-4:
            found.append(float(slope.abs().max()))
    assert found, "independent data are clamped now and then"
    assert max(found) == 0


def one_apart(n, d, dtype, far=0.0):
    rows = normal(1, d).expand(n, d).clone() + far
    rows[n // 2] += normal(1, d, key=1)[0]
    return rows.to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n", "d"), [(4, 1), (64, 8), (300, 2), (600, 16)])
@pytest.mark.parametrize("far", [0.0, 100.0])
def test_one_row_apart_from_equal_ones_says_nothing(dtype, n, d, far):
    """U-centring leaves exactly nothing of such a table: what fp32 holds of it is rounding, on either side."""
    apart, other = one_apart(n, d, dtype, far), normal(n, 3, key=2).to(dtype)
    for x, y in ((apart, other), (other, apart), (apart, apart)):
        codes = x.clone().requires_grad_()
        value = distance_correlation(codes, y)
        (slope,) = torch.autograd.grad(value, codes)
        assert value.item() == pytest.approx(FLOOR**0.5) == distance_correlation(x, y).item()
        assert not slope.any()


def test_rows_a_little_apart_count_whatever_their_unit():
    z, t = pair()
    for unit in (1e-6, 1e6):
        codes = (unit * z).requires_grad_()
        value = distance_correlation(codes, t)
        (slope,) = torch.autograd.grad(value.sum(), codes)
        torch.testing.assert_close(value.detach(), distance_correlation(z, t), rtol=1e-9, atol=0)
        assert float(slope.abs().max()) > 1e-3 / unit


def test_no_value_is_above_one():
    x = normal(50, 3).float()
    assert max(distance_correlation(x * unit, x).item() for unit in (0.3, 1, 1.7, 5, 9.1)) <= 1


@pytest.mark.parametrize("n", [1, 2, 3])
def test_fewer_than_four_rows_are_refused(n):
    with pytest.raises(ValueError, match=f"at least 4 rows, got {n}"):
        distance_correlation(normal(2, n, 3), normal(2, n, 1))


def test_an_attribute_with_a_gradient_is_refused():
    z, t = pair()
    with pytest.raises(ValueError, match="detached"):
        distance_correlation(z, t.requires_grad_())


def test_any_leading_axes_and_the_estimators_value():
    x, y = normal(2, 3, 40, 4), normal(2, 3, 40, 2, key=1)
    y[..., 0] += x[..., 1] ** 2
    found = distance_correlation(x, y)
    assert found.shape == (2, 3)
    assert torch.equal(found[1, 2], distance_correlation(x[1, 2], y[1, 2]))
    x, y = ((v - v.mean(-2, keepdim=True)) / v.std(-2, keepdim=True) for v in (x, y))
    wanted = create("distance_correlation").estimate(x[0, 1], y[0, 1])
    assert float(distance_correlation(x[0, 1], y[0, 1])) == pytest.approx(wanted, abs=1e-9)
