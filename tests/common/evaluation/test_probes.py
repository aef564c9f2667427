"""Binary probes: what they are fitted by, that members share nothing, and the numbers read off their logits."""

import math

import pytest
import torch

from common.evaluation.probes import ProbeSettings, fit_binary_probes, judge_binary

SETTINGS = ProbeSettings(hidden=(8,), batch=20, epochs=4, lr=0.5)


def rows(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def data(members, n=80):
    x = torch.stack([torch.randn(n, 2, generator=g) for g in rows(*range(members))])
    return x, (x[..., :1] > 0).float()


def test_a_member_of_a_stack_is_the_probe_alone():
    """The summed loss: a mean over members would divide each one's rate by their number."""
    x, y = data(3)
    both = fit_binary_probes(x, y, SETTINGS, rows(10, 11, 12), rows(20, 21, 22))(x)[1]
    alone = fit_binary_probes(x[1:2], y[1:2], SETTINGS, rows(11), rows(21))(x[1:2])[0]
    torch.testing.assert_close(both, alone, rtol=1e-4, atol=1e-5)


def test_rows_are_mixed_in_every_epoch():
    x, y = data(1)
    orders = [fit_binary_probes(x, y, SETTINGS, rows(10), rows(seed))(x).detach() for seed in (20, 21)]
    assert not torch.equal(*orders), "another order, another probe"
    twice = ProbeSettings(hidden=(8,), batch=20, epochs=2, lr=0.5)
    random = rows(20)
    fit_binary_probes(x, y, twice, rows(10), random)
    again = rows(20)[0]
    for _ in range(2):
        torch.randperm(80, generator=again)
    assert torch.equal(random[0].get_state(), again.get_state()), "one permutation an epoch"


def test_numbers_by_hand():
    """Scores 2 > 0.4 > -0.2 > -1 of classes 1, 0, 1, 0: three of four pairs are in order, two signs right."""
    logits, labels = torch.tensor([2.0, 0.4, -0.2, -1.0]), torch.tensor([1.0, 0.0, 1.0, 0.0])
    found = judge_binary(logits, labels, points=5)
    assert found.auc == pytest.approx(0.75)
    assert found.accuracy == 0.5
    wanted = [math.log1p(math.exp(-2)), math.log1p(math.exp(0.4)), math.log1p(math.exp(0.2)), math.log1p(math.exp(-1))]
    assert found.cross_entropy == pytest.approx(sum(wanted) / 4, rel=1e-6)
    assert found.false_positives == [0, 0.25, 0.5, 0.75, 1]
    # the curve: (0, 0), (0, 1/2), (1/2, 1/2), (1/2, 1), (1, 1)
    assert found.true_positives[1] == 0.5
    assert found.true_positives[3:] == [1, 1]
