"""Units of the game and who is judged on what: private and utility apart, own rows, splits, members and draws."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from common.training.checkpoint import save_tensors
from common.training.seeding import generator
from replications.generative_filter import attack, evaluate, evaluate_adult, fair, reading, release, users
from replications.generative_filter.codes import Codes
from replications.generative_filter.game import Data, Game
from replications.generative_filter.train_adult import Model

P = {
    "mechanism": "filter",
    "budgets": [1, 3],
    "hidden": 5,
    "batch": 8,
    "steps": 4,
    "inner_steps": 1,
    "lr": 1e-2,
    "filter_lr": 1e-2,
    "beta": 1.0,
    "rho": 100.0,
    "normalised_ce": True,
    "posterior_budget": True,
    "half": True,
    "sample_codes": True,
}


def game(**changed):
    """Return a game of ten private and two utility classes; the first ten of forty rows are its own."""
    g = torch.Generator().manual_seed(0)
    own = torch.zeros(2, 40, dtype=torch.bool)
    own[:, :10] = True
    deviation = torch.where(own, 0.5, 2.0)[..., None].expand(-1, -1, 4)
    private, utility = torch.arange(40).expand(2, -1) % 10, torch.arange(40).expand(2, -1) % 2
    found = Data(torch.randn(2, 40, 4, generator=g), deviation, private, utility, (10, 2), own)
    return Game(found, P | changed, [0, 1], ("test", "units"))


class TestGame:
    def test_each_cross_entropy_is_in_units_of_its_own_classes(self):
        assert game().scale == (math.log(10), math.log(2))
        assert game(normalised_ce=False).scale == (1.0, 1.0)

    def test_a_norm_without_the_half_has_half_the_budget(self):
        assert game().limits.tolist() == [1, 3, 1, 3]
        assert game(half=False).limits.tolist() == [0.5, 1.5, 0.5, 1.5]

    def test_the_budget_is_that_of_own_rows_against_their_posterior_or_against_one(self):
        """Own rows have a deviation of 1/2, public ones of 2: the precision is 4, or 1 by definition."""
        assert game().precision == pytest.approx(torch.full((4, 10, 4), 4.0).numpy())
        assert game(posterior_budget=False).precision == pytest.approx(torch.ones(4, 10, 4).numpy())
        assert game().shares == pytest.approx(torch.full((4, 10), 0.1).numpy())

    def test_codes_are_drawn_from_the_posterior_only_where_asked(self):
        turn = {name: torch.zeros(2, 3, 4) for name in ("mean", "eps")} | {"deviation": torch.full((2, 3, 4), 2.0)}
        turn |= {"spread": torch.ones(2, 3, 4), "own": torch.zeros(2, 3, dtype=torch.bool)}
        turn |= {name: torch.zeros(2, 3, dtype=torch.long) for name in ("private", "utility")}
        with torch.no_grad():
            assert (game().released(turn)[0] == 2).all()
            assert (game(sample_codes=False).released(turn)[0] == 0).all()


class TestRelease:
    def test_the_codes_own_noise_is_not_the_mechanisms(self):
        """z = mu + s e, z~ = z + t e' with e and e' apart: variances add, where one draw would add deviations."""
        codes, y = torch.zeros(1, 20_000, 3), torch.zeros(1, 20_000, dtype=torch.long)
        made = release.Released(codes, torch.full_like(codes, 0.6), y, {"sigma": torch.tensor([[0.8]])})
        drawn = made.whole([generator("r")])[0]
        assert float(drawn.var()) == pytest.approx(0.36 + 0.64, rel=0.03)

    def test_mechanisms_come_in_the_order_that_is_asked_for(self, tmp_path):
        tensors = {
            "A": torch.stack([torch.full((2, 4), b) for b in (1.0, 3.0, 5.0)]),
            "budgets": torch.tensor([1.0, 3, 5]),
        }
        save_tensors(tmp_path / "w", tensors)
        job = SimpleNamespace(weights_path=lambda *_: tmp_path / "w")
        found = release.read_mechanisms(job, [0, 1], "c", [0, 5, 1])["A"]
        assert found[1, :, 0, 0].tolist() == [0, 5, 1]

    def test_a_budget_need_not_be_a_number_of_single_precision(self, tmp_path):
        save_tensors(tmp_path / "w", {"A": torch.ones(2, 2, 4), "budgets": torch.tensor([0.1, 0.3])})
        job = SimpleNamespace(weights_path=lambda *_: tmp_path / "w")
        assert release.read_mechanisms(job, [0], "c", [0.3])["A"].shape == (1, 1, 2, 4)


class TestReading:
    def test_attackers_learn_from_the_training_rows_and_are_judged_on_the_test_rows(self):
        """The codes give the label away, with the opposite sign on the test rows."""
        y = torch.arange(200) % 2
        signs = {"train": 2.0 * y - 1, "test": 1 - 2.0 * y}
        released = {k: release.Released(v[None, :, None], None, y[None], release.identity(1)) for k, v in signs.items()}
        net = evaluate.classifier(1, 2, [generator("net")])
        how = {"steps": 60, "batch": 64, "lr": 0.05}
        truth = dict.fromkeys(signs, y)
        found = reading.read(net, released, truth, 2, {"repeats": 1}, how, lambda what: [generator(what)])
        assert found.accuracy[0] == 0.0

    def test_recalls_are_shares_of_the_true_classes(self):
        """Three of class 0, one of class 1, all called 0: recalls 1 and 0."""
        codes, y = torch.zeros(1, 4, 1), torch.tensor([[0, 0, 0, 1]])
        found = attack.judge(lambda z: torch.tensor([1.0, 0.0]).expand(*z.shape[:2], 2), [codes], y, 2)
        assert found.confusion[0].tolist() == [[1, 0], [1, 0]]
        assert found.balanced.tolist() == [0.5]


def evaluation(seeds=2, budgets=(1, 3, 5)):
    work = object.__new__(evaluate.Evaluation)
    work.seeds, work.p = list(range(seeds)), {"private": "odd", "budgets": list(budgets)}
    work.metrics, work.series = [{} for _ in range(seeds)], [{} for _ in range(seeds)]
    work.test = SimpleNamespace(digits=torch.arange(10))
    return work


class TestEvaluation:
    def test_members_are_seeds_first_then_budgets(self):
        work = evaluation()
        confusion = np.stack([np.array([[1 - k / 10, k / 10], [k / 20, 1 - k / 20]]) for k in range(6)])
        read = attack.Reading(np.arange(6) / 10, np.arange(6) / 100, confusion, None)
        work.note("private", read, "private", [1, 3, 5])
        work.confusions(read)
        for k in range(2):
            for j, b in enumerate((1, 3, 5)):
                m, found = 3 * k + j, work.metrics[k]
                assert found[f"private_b{b}"] == m / 10
                assert found[f"private_bound_b{b}"] == pytest.approx(math.log(2) - m / 100)
                assert found[f"false_positive_b{b}"] == pytest.approx(m / 10), "class 0 called 1"
                assert found[f"false_negative_b{b}"] == pytest.approx(m / 20), "class 1 called 0"

    def test_codes_are_drawn_from_the_posterior_only_where_asked(self, monkeypatch):
        monkeypatch.setattr(evaluate, "read_mechanisms", lambda *_: release.identity(2))
        codes = Codes(torch.zeros(2, 10, 3), torch.ones(2, 10, 3), torch.arange(10))
        for asked in (True, False):
            work = evaluation()
            work.p |= {"sample_released": asked}
            work.job, work.filter = None, "f"
            assert (work.released(codes, [0]).deviation is None) is not asked

    def test_trees_learn_from_the_training_rows(self, monkeypatch):
        work = evaluation(seeds=1, budgets=(1,))
        work.p |= {"boosted_budgets": [1], "boosted_rows": 6, "boosted_rounds": 1}
        work.role = ("t",)
        work.train, work.test = (Codes(torch.full((1, 10, 1), v), None, torch.arange(10)) for v in (1.0, 2.0))
        monkeypatch.setattr(work, "released", lambda c, _: SimpleNamespace(whole=lambda _: c.mean), raising=False)
        seen = []
        monkeypatch.setattr(attack, "boosted", lambda *given: seen.append(given) or (0.5,) * 4)
        work.boosted()
        train, labels, test, truth, *_ = seen[0]
        assert (train.unique().item(), len(train), len(labels)) == (1.0, 6, 6)
        assert (test.unique().item(), len(test), len(truth)) == (2.0, 10, 10)

    def test_errors_are_within_the_groups_of_the_utility(self):
        """Every 0 is called 2 and every 1 is called 0: one error of two keeps the parity, none the circle."""
        matrix = np.eye(10)
        matrix[0], matrix[1] = np.eye(10)[2], np.eye(10)[0]
        found = {}
        for utility in ("odd", "circle"):
            work = evaluation(seeds=1, budgets=(1,))
            work.p |= {"private": "digit", "utility": utility}
            work.confusions(attack.Reading(None, None, matrix[None], None))
            found[utility] = work.metrics[0]["errors_within_b1"]
        assert found == {"odd": 0.5, "circle": 0.0}


class TestAdult:
    def test_unseen_rows_are_in_the_units_of_the_known_ones(self):
        """The known rows split at 0; the unseen ones lie far to one side and are all of its class."""
        g = np.random.default_rng(0)
        x = g.normal(size=(200, 1))
        y, unseen = (x[:, 0] > 0).astype(int), 10 + g.normal(size=(50, 1))
        truth = np.array([0] + [1] * 49)
        assert evaluate_adult.logistic(x, y, unseen, truth)["acc"] == 49 / 50

    def test_trees_learn_from_the_training_rows(self, monkeypatch):
        work = object.__new__(evaluate_adult.Evaluation)
        work.p = {"boosted_rows": 6, "boosted_rounds": 1, "budgets": []}
        work.budgets, work.role, work.seeds, work.metrics = [0], ("t",), [0], [{}]
        value = {"train": 1.0, "test": 2.0}
        made = {s: SimpleNamespace(whole=lambda _, s=s: torch.full((1, 10, 1), value[s])) for s in value}
        monkeypatch.setattr(work, "released", made.get, raising=False)
        monkeypatch.setattr(work, "labels", lambda split, _: torch.full((10,), int(value[split])), raising=False)
        monkeypatch.setattr(evaluate_adult, "logistic", lambda *_: {})
        seen = []
        monkeypatch.setattr(attack, "boosted", lambda *given: seen.append(given) or (0.1, 0.2, 0.3, 0.4))
        work.classical()
        train, labels, test, truth, *_ = seen[0]
        assert (train.unique().item(), labels.unique().item(), len(train)) == (1.0, 1, 6)
        assert (test.unique().item(), truth.unique().item(), len(test)) == (2.0, 2, 10)
        assert work.metrics[0]["boosted_private_auroc"] == 0.3

    def test_lmifrs_multipliers_climb_what_the_network_descends(self):
        p = {"method": "lmifr", "codes": 2, "kl_limit": 0.0, "information_limit": 0.0}
        model = Model(p, 4, 0.5, ("t",), [0])
        batch = {"x": torch.ones(1, 6, 4), "u": torch.arange(6)[None] % 2, "noise": torch.zeros(1, 6, 2)}
        routes = {route.name: route for route in next(model.step(batch))}
        (slope,) = torch.autograd.grad(routes["lagrangian"].loss.sum(), model.multipliers.values)
        assert slope[0, 0] == pytest.approx(-float(routes["kl"].loss.detach())), "descent raises it while KL is above 0"


def test_mmd_is_its_unbiased_definition():
    z, u = torch.randn(1, 9, 2, generator=generator("z")), torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1, 1]])

    def kernel(a, b):
        return float((-(a - b).square().sum() / 4).exp())

    parts = [z[0, :4], z[0, 4:]]
    own = [np.mean([kernel(a, b) for i, a in enumerate(v) for j, b in enumerate(v) if i != j]) for v in parts]
    across = np.mean([kernel(a, b) for a in parts[0] for b in parts[1]])
    assert float(fair.mmd(z, u)) == pytest.approx(sum(own) - 2 * across, abs=1e-6)


def test_what_table_4_s_adversaries_learn_from():
    """User 1's filter adds 1000, user 2's 2000, to what is told 1; codes are row numbers and every row is told 1."""
    digits = torch.arange(10).repeat(20)
    codes = Codes(torch.arange(200.0).expand(2, -1)[..., None], None, digits)
    cut, told = [users.parts(digits, seed) for seed in (0, 1)], [torch.ones(200, dtype=torch.long)] * 2
    states = [{"A": torch.tensor([0, 0, add]).expand(2, 1, 1, 3).clone()} for add in (1000.0, 2000.0)]
    noise = [generator("n", k) for k in range(2)]
    for user, add in enumerate((1000, 2000)):
        found = {kind: users.learnt_from(kind, codes, cut, user, told, states) for kind in ("all", "own", "shared")}
        drawn = {kind: made.whole(noise)[..., 0].long() for kind, (made, _) in found.items()}
        for k in range(2):
            assert drawn["all"][k].tolist() == [add + row for row in range(200)]
            assert drawn["own"][k].tolist() == [add + row for row in cut[k][user].tolist()]
            assert found["own"][1][k].tolist() == cut[k][user].tolist(), "the rows whose labels go with these codes"
            wanted = torch.arange(200)
            wanted[cut[k][0]] += 1000
            wanted[cut[k][1]] += 2000
            assert drawn["shared"][k].tolist() == wanted.tolist()
            assert all(found[kind][1][k].tolist() == list(range(200)) for kind in ("all", "shared"))


def test_a_users_own_rows_are_his_part_and_the_public_ones_belong_to_nobody():
    digits = torch.arange(10).repeat(20)
    codes = Codes(torch.arange(200.0)[None, :, None], torch.ones(1, 200, 1), digits)
    cut = [users.parts(digits, 0)]
    for user in (0, 1):
        found = users.user_data(codes, cut, user, ("large", "odd"))
        mine = found.mean[0, found.own[0], 0].long().tolist()
        public = found.mean[0, ~found.own[0], 0].long().tolist()
        assert sorted(mine) == sorted(cut[0][user].tolist())
        assert not set(public) & {*cut[0][0].tolist(), *cut[0][1].tolist()}
        assert len(public) == 160
