"""The battery on features whose answer is known: nothing, everything, exclusive or, and a rare class."""

import math

import pytest
import torch

from common.evaluation.attackers import MLPSettings
from common.evaluation.battery import BatterySettings, Findings, assail
from common.evaluation.kinds import KINDS

FAST = BatterySettings(
    mlp=MLPSettings(hidden=32, lr=1e-2, patience=5, gain=1e-3, most_epochs=60), rounds=40, neighbours=(5, 20)
)
TRAIN = 1200


def rows(seed):
    return torch.Generator().manual_seed(seed)


def run(features, labels, kinds=KINDS, train=TRAIN):
    known, unseen = slice(None, train), slice(train, None)
    return assail(
        features[known],
        labels[known],
        features[unseen],
        labels[unseen],
        generator=rows(1),
        kinds=kinds,
        settings=FAST,
    )


def test_independent_features_give_chance():
    """Each class is read with recall 1/4 on average; the spread is binomial."""
    labels = torch.randint(0, 4, (3200,), generator=rows(0))
    found = run(torch.randn(3200, 3, generator=rows(2)), labels)
    sd = math.sqrt(0.25 * 0.75 / 2000)
    for kind in KINDS:
        assert found.readings[kind].balanced_accuracy == pytest.approx(0.25, abs=4.5 * sd), kind
        assert found.readings[kind].information < 0.02, kind
    assert found.chance == 0.25


def test_a_copy_of_the_label_gives_everything_away():
    labels = torch.randint(0, 3, (2000,), generator=rows(0))
    found = run(torch.eye(3)[labels], labels)
    for kind in KINDS:
        reading = found.readings[kind]
        assert reading.accuracy == reading.balanced_accuracy == 1.0, kind
        assert reading.information == pytest.approx(math.log(3), abs=0.1), kind
    assert found.metrics()["worst_balanced"] == 100.0


def test_exclusive_or_is_hidden_from_the_linear_attacker_alone():
    x = torch.randn(2400, 2, generator=rows(4))
    labels = ((x[:, 0] > 0) ^ (x[:, 1] > 0)).long()
    found = run(x, labels)
    assert found.readings["linear"].balanced_accuracy < 0.6
    for kind in ("mlp", "boosting", "knn"):
        assert found.readings[kind].balanced_accuracy > 0.9, kind
    assert not found.worst.startswith("linear")


def test_a_secret_in_a_small_direction_is_read_from_decorrelated_features():
    """Two features of unit spread differ by a hundredth of the label: trees cut each by itself and see noise."""
    labels = torch.arange(2400) % 2
    noise = torch.randn(2400, 1, generator=rows(8))
    small = 0.01 * (labels[:, None] - 0.5) + 0.001 * torch.randn(2400, 1, generator=rows(9))
    found = run(torch.cat([noise + small, noise - small], 1), labels, ("boosting", "knn", "boosting_decorrelated"))
    assert found.readings["boosting"].balanced_accuracy < 0.6
    assert found.readings["boosting_decorrelated"].balanced_accuracy > 0.98
    assert found.worst == "boosting_decorrelated"


def test_a_constant_has_the_balanced_accuracy_of_chance_whatever_the_majority():
    labels = (torch.rand(2400, generator=rows(5)) < 0.1).long() + 2 * (torch.rand(2400, generator=rows(6)) < 0.1).long()
    labels = labels.clamp(max=2)
    found = run(torch.ones(2400, 2), labels)
    share = float((labels[TRAIN:] == 0).double().mean())
    assert found.majority == pytest.approx(share)
    assert share > 0.7
    for kind in KINDS:
        assert found.readings[kind].balanced_accuracy == pytest.approx(1 / 3, abs=1e-12), kind


def test_the_worst_is_chosen_on_known_rows():
    """Unseen rows where only the linear attacker is right do not change which one was called the worst."""
    x = torch.randn(2400, 2, generator=rows(7))
    x = x + 0.3 * x.sign()
    labels = ((x[:, 0] > 0) ^ (x[:, 1] > 0)).long()
    before = run(x, labels, ("linear", "knn"))
    assert before.worst == "knn"
    turned = torch.cat([labels[:TRAIN], 1 - labels[TRAIN:]])
    after = run(x, turned, ("linear", "knn"))
    assert after.readings["linear"].balanced_accuracy > after.readings["knn"].balanced_accuracy
    assert after.worst == "knn", "not the better of the two on the rows that are judged"
    assert after.metrics()["worst_balanced"] == after.metrics()["knn_balanced"]


def test_metrics_are_flat_finite_numbers():
    labels = torch.randint(0, 2, (600,), generator=rows(0))
    found = run(torch.randn(600, 2, generator=rows(1)), labels, ("linear", "boosting"), train=400)
    assert isinstance(found, Findings)
    metrics = found.metrics()
    wanted = {f"{name}_{what}" for name in ("linear", "boosting", "worst") for what in ("accuracy", "balanced")}
    assert wanted < set(metrics)
    assert all(math.isfinite(value) for value in metrics.values())


def test_few_rows_of_many_classes():
    labels = torch.arange(160) % 10
    found = run(torch.eye(10)[labels], labels, train=80)
    assert found.readings["knn"].accuracy > 0.9
    assert found.chance == 0.1


def test_same_generator_same_findings():
    labels = torch.randint(0, 3, (700,), generator=rows(0))
    x = torch.randn(700, 3, generator=rows(5)) + labels[:, None]
    assert run(x, labels, train=400) == run(x, labels, train=400)


def test_bad_input():
    x, labels = torch.randn(40, 2, generator=rows(0)), torch.arange(40) % 2
    with pytest.raises(ValueError, match=r"one of linear, mlp, boosting, knn, linear_decorrelated, .*; got 'forest'"):
        run(x, labels, ("forest",), 20)
    with pytest.raises(ValueError, match="two classes"):
        run(x, torch.zeros(40, dtype=torch.int64), train=20)
    with pytest.raises(ValueError, match="never shown"):
        run(x, torch.cat([labels[:20], labels[20:] + 1]), train=20)
    rare = labels.clone()
    rare[0] = 2
    with pytest.raises(ValueError, match="class 2 has 1 known rows"):
        run(x, rare, train=20)
    with pytest.raises(ValueError, match="at least one"):
        run(x, labels, (), 20)
