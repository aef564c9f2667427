"""Decorrelated features: unit covariance, each member by itself, nothing divided by nought."""

import pytest
import torch

from common.evaluation.decorrelated import LEAST, decorrelated


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def covariance(x):
    centred = x.double() - x.double().mean(-2, keepdim=True)
    return centred.mT @ centred / x.shape[-2]


def test_known_rows_get_unit_covariance_and_no_mean():
    known = draw(500, 4) @ draw(4, 4, seed=1) * torch.tensor([1.0, 10.0, 0.1, 3.0]) + 7
    (turned,) = decorrelated(known, known)
    assert covariance(turned) == pytest.approx(torch.eye(4).numpy(), abs=1e-4)
    assert turned.mean(0).abs().max() < 1e-4


def test_unseen_rows_take_the_known_rows_map():
    """The map is affine: differences of unseen rows go through the same matrix as those of known ones."""
    known, unseen = draw(300, 3) @ draw(3, 3, seed=1), draw(5, 3, seed=2)
    first, second = decorrelated(known, known, unseen)
    matrix = torch.linalg.lstsq((known - known[0]).double(), (first - first[0]).double()).solution
    expected = (unseen - unseen[0]).double() @ matrix
    assert (second - second[0]).numpy() == pytest.approx(expected.numpy(), abs=1e-3)


def test_members_do_not_see_each_other():
    known = torch.stack([draw(200, 3), 5 * draw(200, 3, seed=3) + 1])
    (both,) = decorrelated(known, known)
    for k in range(2):
        (alone,) = decorrelated(known[k], known[k])
        assert both[k].abs().numpy() == pytest.approx(alone.abs().numpy(), abs=1e-4)  # directions have no sign


def test_a_direction_of_rounding_stays_small():
    x = draw(400, 1)
    known = torch.cat([x, x * (1 + 1e-7 * draw(400, 1, seed=5))], 1)  # the same number twice, up to rounding
    (turned,) = decorrelated(known, known)
    least, most = covariance(turned).diagonal().sort().values
    assert most == pytest.approx(1.0, abs=1e-4)
    assert least < 1e-3, f"noise below {LEAST:g} of the variance was blown up"


def test_constant_rows_give_finite_features():
    known = torch.full((50, 3), 2.5)
    same, moved = decorrelated(known, known, known + 1)
    assert same.abs().max() == 0
    assert moved.isfinite().all()
    assert moved.norm(dim=1).numpy() == pytest.approx(3**0.5)
