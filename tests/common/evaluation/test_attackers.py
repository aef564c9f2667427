"""Attackers on degenerate features: a copy of the label, a constant, noise, and a table whose information is known."""

import math

import numpy as np
import pytest
import torch

from common.evaluation.attackers import MLPSettings, attack
from common.evaluation.reading import judge

FAST = MLPSettings(hidden=32, lr=1e-2, patience=5, gain=1e-3, most_epochs=60)


def draw(n, classes, seed=0):
    return torch.randint(0, classes, (n,), generator=torch.Generator().manual_seed(seed))


def run(features, labels, kind, train=1500):
    return attack(
        features[:train],
        labels[:train],
        features[train:],
        labels[train:],
        kind=kind,
        generator=torch.Generator().manual_seed(1),
        settings=FAST,
    )


@pytest.mark.parametrize("kind", ["linear", "mlp"])
class TestDegenerate:
    def test_a_copy_of_the_label_gives_everything_away(self, kind):
        labels = draw(2500, 5)
        found = run(torch.eye(5)[labels], labels, kind)
        assert found.accuracy == found.balanced_accuracy == 1.0
        assert found.information == pytest.approx(math.log(5), abs=0.05)
        assert found.converged

    def test_a_constant_gives_nothing(self, kind):
        labels = (draw(2500, 10) < 3).long()  # three in ten
        found = run(torch.ones(2500, 4), labels, kind)
        assert found.balanced_accuracy == 0.5, "one class alone is predicted"
        assert found.accuracy == pytest.approx(0.7, abs=0.05)
        assert abs(found.information) < 0.01

    def test_noise_gives_nothing(self, kind):
        labels = draw(2500, 3)
        found = run(torch.randn(2500, 4, generator=torch.Generator().manual_seed(2)), labels, kind)
        assert found.balanced_accuracy == pytest.approx(1 / 3, abs=5 * math.sqrt(2 / 9 / 1000))
        assert found.information < 0.01

    def test_a_noisy_copy_proves_its_information(self, kind):
        """v flipped with probability 0.1: I = ln 2 - h(0.1) = 0.3681 nats."""
        labels = draw(12_000, 2)
        flipped = torch.rand(12_000, generator=torch.Generator().manual_seed(3)) < 0.1
        seen = torch.where(flipped, 1 - labels, labels).float()[:, None]
        found = run(seen, labels, kind, train=6000)
        wanted = math.log(2) + 0.1 * math.log(0.1) + 0.9 * math.log(0.9)
        assert found.information == pytest.approx(wanted, abs=0.03)
        assert found.accuracy == pytest.approx(0.9, abs=5 * 0.3 / math.sqrt(6000))


@pytest.mark.parametrize("classes", [2, 4])
def test_a_sure_attacker_that_is_wrong_proves_a_finite_nonsense(classes):
    """Far outside what it was fitted on the probability of the truth rounds to nought; its logarithm must not."""
    labels = torch.arange(200) % classes
    seen = torch.eye(classes)[labels]
    found = attack(
        seen, labels, 1e6 * seen.roll(1, 1), labels, kind="linear", generator=torch.Generator().manual_seed(0)
    )
    assert math.isfinite(found.information)
    assert found.information < -100
    assert found.accuracy == 0.0


def test_only_the_mlp_reads_exclusive_or():
    x = torch.randn(2500, 2, generator=torch.Generator().manual_seed(4))
    labels = ((x[:, 0] > 0) ^ (x[:, 1] > 0)).long()
    assert run(x, labels, "linear").accuracy < 0.6
    assert run(x, labels, "mlp").accuracy > 0.9


def test_balanced_accuracy_takes_equal_priors():
    """Nine of ten rows are of class 0 and the evidence is weak: accuracy says 0 throughout, equal priors do not."""
    evidence = np.log(np.array([[0.4, 0.6], [0.6, 0.4]]))
    truth = np.array([1] * 10 + [0] * 90)
    log_p = evidence[1 - truth] + np.log([0.9, 0.1])
    log_p -= np.log(np.exp(log_p).sum(1, keepdims=True))
    found = judge(log_p, truth, np.array([0.9, 0.1]))
    assert found.accuracy == pytest.approx(0.9)
    assert found.balanced_accuracy == 1.0


def test_same_generator_same_reading():
    labels = draw(600, 3)
    x = torch.randn(600, 3, generator=torch.Generator().manual_seed(5)) + labels[:, None]
    assert run(x, labels, "mlp", 400) == run(x, labels, "mlp", 400)


def test_bad_input():
    x, labels = torch.zeros(20, 2), torch.zeros(20, dtype=torch.int64)
    with pytest.raises(ValueError, match="two classes"):
        run(x, labels, "linear", 10)
    with pytest.raises(ValueError, match="never shown"):
        run(x, torch.cat([torch.arange(10) % 2, torch.full((10,), 2)]), "linear", 10)
    with pytest.raises(ValueError, match="linear or mlp"):
        run(x, draw(20, 2), "forest", 10)
