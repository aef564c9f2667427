"""Critics: a matrix holds on its diagonal what pairs score, and members do not mix."""

import pytest
import torch

from common.models.critics import CRITICS, make_critic


def build(kind, seeds, d_x=3, d_y=2):
    return make_critic(kind, d_x, d_y, (8, 8), [torch.Generator().manual_seed(s) for s in seeds], rank=4)


def rows(seed, d, members=2, n=5):
    return torch.randn(members, n, d, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", CRITICS)
def test_matrix_holds_all_pairs(kind):
    critic, x, y = build(kind, (0, 1)), rows(0, 3), rows(1, 2)
    matrix = critic.matrix(x, y)
    assert matrix.shape == (2, 5, 5)
    for shift in range(5):
        pairs = critic(x, y.roll(-shift, 1))
        torch.testing.assert_close(pairs, torch.stack([matrix[:, i, (i + shift) % 5] for i in range(5)], 1))


@pytest.mark.parametrize("kind", CRITICS)
def test_member_of_a_stack_is_the_member_alone(kind):
    x, y = rows(0, 3), rows(1, 2)
    stack = build(kind, (7, 8)).matrix(x, y)
    for k, seed in enumerate((7, 8)):
        torch.testing.assert_close(build(kind, (seed,)).matrix(x[k : k + 1], y[k : k + 1])[0], stack[k])


def test_hybrid_keeps_its_scores_in_bounds_on_heavy_tails():
    critic = build("hybrid", (0,))
    far = critic.matrix(1e6 * rows(0, 3, 1), 1e6 * rows(1, 2, 1))
    assert far.abs().max() < 1e4
