"""Losses as their docstrings define them, written out pair by pair."""

import math

import pytest
import torch

from common.losses.club import gaussian_log_likelihood
from common.losses.contrastive import infonce, interpolated
from common.losses.hsic import gaussian_kernel
from common.losses.sliced import random_directions


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_infonce_compares_each_rows_partner_with_that_rows_candidates():
    scores = drawn(5, 5)
    terms = [scores[i, i] - (scores[i].exp().mean()).log() for i in range(5)]
    torch.testing.assert_close(infonce(scores), sum(terms) / 5)


@pytest.mark.parametrize("alpha", [0.01, 0.3, 1.0])
def test_interpolated_is_its_definition(alpha):
    """1 + E_P[T - ln mixture] - E_Q[e^T / mixture]; a joint pair's mean has all K candidates, a marginal's K - 1."""
    size, scores, baseline = 5, drawn(5, 5), drawn(5, seed=1)
    joint, across = [], []
    for i in range(size):
        own = alpha * scores[i].exp().mean() + (1 - alpha) * baseline[i].exp()
        joint.append(scores[i, i] - own.log())
        others = [j for j in range(size) if j != i]
        mixture = alpha * scores[i, others].exp().mean() + (1 - alpha) * baseline[i].exp()
        across += [scores[i, j].exp() / mixture for j in others]
    wanted = 1 + sum(joint) / len(joint) - sum(across) / len(across)
    torch.testing.assert_close(interpolated(scores, baseline, alpha), wanted)


def test_gaussian_kernel_by_hand_and_at_the_median_distance():
    x = drawn(7, 3)
    found = gaussian_kernel(x, 0.8)
    assert float(found[1, 4]) == pytest.approx(math.exp(-float((x[1] - x[4]).square().sum()) / (2 * 0.8**2)))
    off = torch.pdist(x).repeat(2)  # each pair stands twice in the matrix
    torch.testing.assert_close(gaussian_kernel(x), gaussian_kernel(x, off.square().median().sqrt()))


def test_directions_are_uniform_on_the_sphere():
    found = random_directions(4000, 3, torch.Generator().manual_seed(0), torch.float64)
    torch.testing.assert_close(found.norm(dim=0), torch.ones(4000, dtype=torch.float64))
    assert found.mean(1).abs().max() < 4 / math.sqrt(3 * 4000)
    torch.testing.assert_close(found @ found.T / 4000, torch.eye(3, dtype=torch.float64) / 3, rtol=0, atol=0.03)


def test_gaussian_likelihood_is_torchs_but_for_its_constant():
    y, mean, log_variance = (drawn(4, 6, 3, seed=k) for k in range(3))
    wanted = torch.distributions.Normal(mean, (0.5 * log_variance).exp()).log_prob(y).sum(-1)
    torch.testing.assert_close(gaussian_log_likelihood(y, mean, log_variance), wanted + 1.5 * math.log(2 * math.pi))
