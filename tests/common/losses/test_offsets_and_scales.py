"""Losses of data far from zero, of columns that do not vary, and of scales at the edge: the value must stay."""

import pytest
import torch

from common.losses.classes import stacked_cross_entropy
from common.losses.club import club
from common.losses.contrastive import donsker_varadhan_matrix
from common.losses.correlation import correlation, maximal_correlation
from common.losses.distance import distance_correlation
from common.losses.hsic import gaussian_kernel, hsic_alignment
from common.losses.offset import far_offset
from common.losses.sliced import fit_slices, standardise


def pair(n=400, d=2):
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.randn(2, n, d, generator=generator, dtype=torch.float64)
    return x, x + 0.5 * noise


def alignment(x, y):
    return hsic_alignment(gaussian_kernel(x), gaussian_kernel(y))


def club_of_half(x, y):
    """The mean of q is x, its variance 1/4."""
    return club(y, x, torch.full_like(x, 0.25).log())


@pytest.mark.parametrize("loss", [distance_correlation, alignment, club_of_half])
@pytest.mark.parametrize("offset", [100.0, 3000.0])
def test_a_common_offset_costs_no_digits_in_single_precision(loss, offset):
    x, y = ((v + offset).float() for v in pair())
    expected = loss(x.double(), y.double()).item()  # of the very same numbers
    assert loss(x, y).item() == pytest.approx(expected, abs=2e-3)
    x.requires_grad_()
    assert loss(x, y).item() == pytest.approx(expected, abs=2e-3)


def test_an_offset_of_one_side_costs_no_digits_either():
    x, y = (v.float() for v in pair())
    expected = distance_correlation(x.double(), y.double()).item()
    assert distance_correlation(x, y + 3000).item() == pytest.approx(expected, abs=2e-3)


def test_rows_near_zero_keep_every_bit():
    x, y = pair()
    assert torch.equal(far_offset(x + 5), torch.zeros(1, 2, dtype=torch.float64))
    far = y * torch.tensor([1.0, 100.0], dtype=torch.float64) + torch.tensor([50.0, 0.0], dtype=torch.float64)
    assert torch.equal(far_offset(far), torch.zeros(1, 2, dtype=torch.float64))  # distances do not see the first column
    alone = far_offset(far, jointly=False)[0]
    assert alone[0] == far[:, 0].mean()
    assert alone[1] == 0
    assert far_offset(x[None].expand(3, -1, -1) + 50).shape == (3, 1, 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [0.1, -1 / 3, 0.7, 1e6 + 0.1, 0.0])
def test_a_constant_column_is_constant_whatever_its_value(value, dtype):
    for n in (7, 800, 1000, 100_003):
        assert standardise(torch.full((n, 1), value, dtype=dtype)).abs().max() == 0


def test_a_narrow_column_is_no_constant():
    x = torch.linspace(-1, 1, 200, dtype=torch.float64)[:, None]
    torch.testing.assert_close(standardise(1 + 1e-9 * x), standardise(x), atol=1e-5, rtol=0)
    torch.testing.assert_close(standardise((1 + 1e-3 * x).float()), standardise(x).float(), atol=1e-3, rtol=0)


def test_slices_read_rows_of_another_dtype():
    x, y = (v.float() for v in pair())
    fitted = fit_slices(x, y, 20, torch.Generator().manual_seed(0))
    assert fitted.correlation(x, y) == fitted.correlation(x.double(), y.double())
    assert fitted.correlation(x.requires_grad_(), y).requires_grad


def test_where_correlation_stops_to_be_free_of_scale():
    x = pair()[0][:, 0]
    x = (x - x.mean()) / x.std(correction=0)
    assert correlation(1e-3 * x, 1e-3 * x).item() == pytest.approx(1, abs=1e-4)
    assert correlation(10**-3.5 * x, 10**-3.5 * x).item() == pytest.approx(1 / 1.01**0.5, abs=1e-6)
    assert correlation(1e-4 * x, 1e-4 * x).item() == pytest.approx(0.5**0.5, abs=1e-6)


def test_a_table_of_one_row_or_column_has_no_correlation():
    for table in (torch.tensor([[0.3, 0.7]]), torch.tensor([[0.3], [0.7]])):
        assert maximal_correlation(table).item() == 0


def test_slopes_written_out_refuse_a_second_slope():
    scores = pair()[0][:4] @ pair()[1][:4].T
    x, y = pair(12)
    labels = torch.arange(4)[None]
    cases = (
        (donsker_varadhan_matrix, scores),
        (lambda v: distance_correlation(v, y), x),
        (lambda v: stacked_cross_entropy(v, labels).sum(), scores[None]),
    )
    for loss, point in cases:
        at = point.clone().requires_grad_()
        value = loss(torch.tanh(at))  # behind it lies what has a second slope: silence would give a part of the whole
        with pytest.raises(RuntimeError, match="second time"):
            torch.autograd.grad(value, at, create_graph=True)
        assert torch.autograd.grad(value, at)[0].isfinite().all()
