"""Slopes in closed form against autograd's, along several steps so that the moving average moves."""

import pytest
import torch

from common.losses.climb import RemineObjective
from common.losses.variational import donsker_varadhan


@pytest.mark.parametrize("rate", [1.0, 0.01, 0.5])
@pytest.mark.parametrize(("weight", "target"), [(0.0, 0.0), (0.1, 0.0), (0.3, 2.0)])
def test_a_climb_gives_value_bound_and_slopes_of_the_objective(rate, weight, target):
    plain, climber = RemineObjective(weight, target, rate), RemineObjective(weight, target, rate)
    random = torch.Generator().manual_seed(0)
    for step in range(4):
        scores = (torch.randn(3, 50, generator=random) * 3 + step).requires_grad_()
        joint, marginal = scores[:, :20], scores[:, 20:]
        wanted = plain(joint, marginal)
        (gradient,) = torch.autograd.grad(wanted.sum(), scores)
        bound, objective, slopes = climber.climb(scores.detach(), 20)
        torch.testing.assert_close(objective, wanted.detach())
        torch.testing.assert_close(slopes, gradient)
        torch.testing.assert_close(bound, donsker_varadhan(joint, marginal).detach())
    assert climber.state_dict().keys() == plain.state_dict().keys()


def test_scores_of_hundreds_neither_overflow_nor_lose_their_slopes():
    scores = torch.tensor([[300.0, 300.0, 900.0, -900.0]])
    _, objective, slopes = RemineObjective(weight=0.0).climb(scores, 2)
    assert torch.isfinite(objective).all()
    torch.testing.assert_close(slopes, torch.tensor([[0.5, 0.5, -1.0, 0.0]]))
