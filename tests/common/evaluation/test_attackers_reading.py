"""The frame of the attackers: units, seeds and choices come from the known rows, judgement from the unseen ones."""

import math

import numpy as np
import pytest
import torch

from common.evaluation import attackers, battery
from common.evaluation.attackers import MLPSettings, attack
from common.evaluation.battery import BatterySettings, assail
from common.evaluation.reading import Known, judge, read


def rows(seed):
    return torch.Generator().manual_seed(seed)


def watched(features, labels, unseen, unseen_labels, *, turned=False, seed=0):
    """Return what a fit was given, the rows it was asked about, and the reading of uniform answers."""
    seen = {}

    def fit(known):
        seen["known"] = known

        def log_p(asked):
            seen["asked"] = asked
            return np.full((len(asked), known.classes), -math.log(known.classes))

        return log_p, True

    reading = read(features, labels, unseen, unseen_labels, fit, rows(seed), turned=turned)
    return seen["known"], seen["asked"], reading


@pytest.mark.parametrize("turned", [False, True])
def test_units_are_those_of_the_known_rows_whatever_the_unseen_ones_are(turned):
    x, labels = torch.randn(60, 2, generator=rows(0)) * torch.tensor([3.0, 0.1]) + 5, torch.arange(60) % 2
    near, _, _ = watched(x, labels, x[:10], labels[:10], turned=turned)
    far, asked, _ = watched(x, labels, 1000 + x[:10], labels[:10], turned=turned)
    assert near.x == pytest.approx(far.x)
    assert far.x.mean(0) == pytest.approx([0, 0], abs=1e-4)
    assert far.x.std(0) == pytest.approx([1, 1], abs=1e-3)
    assert np.abs(asked).min() > 100, "unseen rows stay as far away as they are"


def test_the_attackers_seed_is_drawn_from_the_generator():
    x, labels = torch.randn(20, 2, generator=rows(0)), torch.arange(20) % 2
    seeds = [watched(x, labels, x, labels, seed=seed)[0].seed for seed in (1, 1, 2)]
    assert seeds[0] == seeds[1] != seeds[2]


def test_labels_need_not_count_from_nought():
    x, labels = torch.randn(40, 2, generator=rows(0)), torch.tensor([3, 7]).repeat(20)
    known, _, reading = watched(x, labels, x, labels)
    assert known.codes.tolist() == [0, 1] * 20
    assert reading.accuracy == 0.5, "uniform answers are the first class's"
    found = attack(3.0 * labels[:, None], labels, 3.0 * labels[:, None], labels, kind="linear", generator=rows(1))
    assert found.accuracy == 1.0


def test_information_is_taken_off_the_entropy_of_the_rows_that_are_judged():
    """Nine in ten of the judged rows are of one class, half of the known ones: H is the former's."""
    truth = np.array([0] * 9 + [1])
    found = judge(np.log(np.full((10, 2), 0.5)), truth, np.array([0.5, 0.5]))
    entropy = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    assert found.information == pytest.approx(entropy - math.log(2))


def known_rows(x, codes, seed=0):
    return Known(np.asarray(x, dtype=float), np.asarray(codes), seed, rows(seed), torch.device("cpu"))


class TestLinear:
    @pytest.fixture
    def fits(self, monkeypatch):
        """Rows and inverse penalty of each regression that is fitted."""
        found = []
        true = attackers.LogisticRegression.fit

        def fit(self, x, y):
            found.append((len(x), self.C))
            return true(self, x, y)

        monkeypatch.setattr(attackers.LogisticRegression, "fit", fit)
        return found

    def test_the_penalty_is_the_one_that_reads_held_back_rows_best_and_the_last_fit_has_all_rows(self, fits):
        """Forty noisy columns and fifty rows: weak penalties learn rows by heart, the strongest reads best."""
        g = np.random.default_rng(0)
        codes = np.arange(50) % 2
        attackers._linear(known_rows(g.normal(size=(50, 40)), codes), MLPSettings(held_back=0.4))
        assert [n for n, _ in fits] == [30, 30, 30, 50]
        assert fits[-1][1] == min(attackers.STRENGTHS)
        fits.clear()
        attackers._linear(known_rows(codes[:, None] + 0.01 * g.normal(size=(50, 1)), codes), MLPSettings(held_back=0.4))
        assert fits[-1] == (50, max(attackers.STRENGTHS)), "a clear reading wants no penalty"


class TestMLP:
    settings = MLPSettings(hidden=64, lr=3e-2, batch=16, held_back=0.5, patience=15, gain=0.0, most_epochs=40)

    def test_the_epoch_that_reads_held_back_rows_best_counts(self):
        """Labels are noise: whoever keeps the last epoch, or the best on the rows learnt from, is sure and wrong."""
        g = np.random.default_rng(1)
        x, codes = g.normal(size=(80, 20)), np.arange(80) % 2
        log_p, _ = attackers._mlp(known_rows(x, codes), self.settings)
        unseen = log_p(g.normal(size=(400, 20)))
        assert -unseen[np.arange(400), np.arange(400) % 2].mean() < 1.0, "five epochs on it is above two nats"

    def test_rows_are_mixed_anew_in_every_epoch(self, monkeypatch):
        orders, true = [], torch.randperm
        known = known_rows(np.random.default_rng(2).normal(size=(40, 1)), np.arange(40) % 2)

        def randperm(n, *, generator):
            assert generator is known.generator
            orders.append(true(n, generator=generator).tolist())
            return torch.tensor(orders[-1])

        monkeypatch.setattr(torch, "randperm", randperm)
        attackers._mlp(known, MLPSettings(hidden=4, held_back=0.25, patience=9, most_epochs=3))
        assert [sorted(order) for order in orders] == [list(range(30))] * 3
        assert orders[0] != orders[1] != orders[2]

    def test_a_fit_that_was_cut_short_has_not_converged(self):
        x, codes = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
        assert not attackers._mlp(known_rows(x, codes), MLPSettings(hidden=4, patience=3, most_epochs=2))[1]


def test_as_many_neighbours_as_read_held_back_rows_best():
    """A weak tendency wants many neighbours, a fine chequerboard few."""
    g = np.random.default_rng(0)
    settings = BatterySettings(neighbours=(1, 60))
    x = g.uniform(size=(600, 1))
    codes = (g.uniform(size=600) < 0.4 + 0.2 * (x[:, 0] > 0.5)).astype(int)
    smooth, _ = battery._neighbours(known_rows(x, codes), settings)
    assert len(np.unique(smooth(x[:100])[:, 0].round(6))) > 2, "a share of sixty, not of one"
    fine = (np.floor(x[:, 0] * 100) % 2).astype(int)
    sharp, _ = battery._neighbours(known_rows(x, fine), settings)
    assert (sharp(x).argmax(1) == fine).all(), "each row is its own nearest"


def test_the_majority_is_the_known_rows_commonest_class():
    x = torch.randn(40, 1, generator=rows(0))
    labels = torch.tensor([0] * 14 + [1] * 6 + [0] * 2 + [1] * 18)
    found = assail(x[:20], labels[:20], x[20:], labels[20:], generator=rows(1), kinds=("knn",))
    assert found.majority == pytest.approx(0.1), "0 is commonest among the known, and rare among the unseen"


def test_every_decorrelated_kind_gets_decorrelated_features():
    """Two features differ by a thousandth of the label: a linear reading of penalised weights sees it only turned."""
    labels = torch.arange(400) % 2
    noise = torch.randn(400, 1, generator=rows(8))
    x = torch.cat([noise + 0.001 * labels[:, None], noise - 0.001 * labels[:, None]], 1)
    part = slice(None, 200), slice(200, None)
    settings = BatterySettings(folds=2, mlp=MLPSettings(hidden=8, lr=1e-2, patience=3, most_epochs=15))
    kinds = ("linear", "linear_decorrelated", "mlp", "mlp_decorrelated")
    found = assail(
        x[part[0]], labels[part[0]], x[part[1]], labels[part[1]], generator=rows(1), kinds=kinds, settings=settings
    ).readings
    for kind in ("linear", "mlp"):
        assert found[kind].balanced_accuracy < 0.7, kind
        assert found[f"{kind}_decorrelated"].balanced_accuracy > 0.9, kind


def test_every_kind_draws_from_the_generator_that_is_given(monkeypatch):
    given, true = [], battery.read
    monkeypatch.setattr(battery, "attack", lambda *a, generator, **k: given.append(generator) or NOTHING)
    monkeypatch.setattr(battery, "read", lambda *a, **k: given.append(a[5]) or true(*a, **k))
    x, labels, generator = torch.randn(40, 2, generator=rows(0)), torch.arange(40) % 2, rows(1)
    assail(x, labels, x, labels, generator=generator, kinds=("linear", "mlp", "knn"), settings=BatterySettings(folds=2))
    assert len(given) == 9, "three kinds, in two folds and on all rows"
    assert all(one is generator for one in given)


NOTHING = judge(np.log(np.full((2, 2), 0.5)), np.array([0, 1]), np.array([0.5, 0.5]))
