"""Which rows sliced infomin's models, schedules, snapshots and readers see, and how their losses are weighed."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from common.results import Cell, Origin
from common.training.seeding import generator
from replications.sliced_infomin import adaptation, disentangle, evaluate, fairness
from replications.sliced_infomin.fair_tables import Rows
from replications.sliced_infomin.judge import Codes, Judged, Reading, Settings, _better, boosted, linear, network
from replications.sliced_infomin.method import Infomin

ORIGIN = Origin(name="toy", kind="generated", sha256="0" * 64)
CELL = Cell(paper="sliced_infomin", experiment="census", variant="none", scale="quick")
P = {"method": "none", "slices": 4, "l2": 1, "inner_lr": 1e-3, "beta": 10.0, "fit_rows": 0, "epoch_rows": 20}
P |= {"patience": 5, "snapshot_from": 0, "batch": 10, "epochs": 1, "lr": 1e-3}


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Fixed(Infomin):
    """A proxy whose value is the mean of z and, where attached, of t."""

    def __init__(self, attached=False):
        super().__init__()
        self.attached = attached

    def forward(self, z, t, generators=()):
        return z.mean((1, 2)) + t.mean((1, 2))


class TestFairness:
    @pytest.fixture
    def task(self, monkeypatch):
        def made(**changed):
            parts = [Rows(drawn(2, n, 3, seed=n), drawn(2, n, 1, seed=n + 1), drawn(2, n, 1)) for n in (50, 30)]
            monkeypatch.setattr(fairness, "load_rows", lambda *_: (*parts, ORIGIN, ("a", "b", "c")))
            config = SimpleNamespace(params=P | changed, device="cpu", cell=CELL)
            return fairness.Fairness(SimpleNamespace(config=config), [0, 1])

        return made

    def test_the_last_fifth_of_the_training_rows_is_not_trained_on(self, task):
        made = task()
        assert (made.fit.x.shape[1], made.val.x.shape[1]) == (40, 10)
        assert torch.equal(torch.cat([made.fit.x, made.val.x], 1), made.train.x)
        assert made.trainer().source.rows == 40

    def test_beta_weighs_the_utility(self, task):
        made = task()
        made.infomin = Fixed()
        routes = {route.name: route for route in made.step({k: getattr(made.fit, k) for k in "xyt"})}
        wanted = routes["penalty"].loss - 10 * routes["utility"].loss
        torch.testing.assert_close(routes["loss"].loss.detach(), wanted)
        assert routes["loss"].to == ("encoder", "head")

    def test_rate_and_snapshot_go_by_the_validation_rows(self, task):
        made = task()
        made.infomin = Fixed()
        with torch.no_grad():
            z = made.net.encoder(made.val.x)
            utility, penalty = made.net.utility(z, made.val.y), z.mean((1, 2)) + made.val.t.mean((1, 2))
        found = made.after_epoch(SimpleNamespace(epoch=3))
        assert found["val_utility"] == pytest.approx(utility.tolist(), abs=1e-6)
        assert found["val_penalty"] == pytest.approx(penalty.tolist(), abs=1e-6)
        assert found["val_loss"] == pytest.approx((penalty - 10 * utility).tolist(), abs=1e-5)
        assert made.net.kept_loss.tolist() == pytest.approx(found["val_loss"])
        assert made.net.kept_epoch.tolist() == [3, 3]

    def test_of_what_trains_a_network_the_last_state_counts(self, task):
        made = task(method="tc")
        made.after_epoch(SimpleNamespace(epoch=3))
        with torch.no_grad():
            for parameter in made.net.encoder.parameters():
                parameter.add_(1)  # training goes on
        for found, last in zip(made.net.final()[0].parameters(), made.net.encoder.parameters(), strict=True):
            assert torch.equal(found, last)


class TestReaders:
    """Codes of noise: what is fitted to the held-out fifth as well knows it by heart."""

    @staticmethod
    def codes(n, d):
        return Codes(drawn(1, n, d), drawn(1, n, 1, seed=1), drawn(1, 40, d, seed=2), drawn(1, 40, 1, seed=3))

    def test_least_squares_and_networks_leave_the_held_out_fifth_alone(self):
        codes = self.codes(250, 150)
        assert float(linear(codes).held) < 0.5
        settings = Settings((100,), steps=60, batch=100, lr=1e-2, check=60)
        assert float(network(codes, settings, [("t", 0)]).held) < 0.5

    def test_trees_leave_the_held_out_fifth_alone(self, monkeypatch):
        from sklearn.ensemble import HistGradientBoostingRegressor

        rows, true = [], HistGradientBoostingRegressor.fit
        monkeypatch.setattr(
            HistGradientBoostingRegressor, "fit", lambda self, x, y: rows.append((len(x), len(y))) or true(self, x, y)
        )
        boosted(self.codes(100, 2), 2)
        assert rows == [(80, 80)]

    def test_directions_are_those_of_the_rows_that_readers_are_fitted_to(self):
        codes = self.codes(500, 3)
        far = Codes(codes.train, codes.target, 100 * codes.test, codes.test_target)
        near, turned = codes.decorrelated(), far.decorrelated()
        torch.testing.assert_close(near.train, turned.train)
        assert turned.test.std() > 50

    def test_the_snapshot_is_chosen_by_the_held_out_fifth(self):
        """Another state reads the test rows without a fault and the held-out ones worse than before."""
        codes = self.codes(100, 1)
        codes = Codes(codes.train, codes.target, codes.test_target, codes.test_target)
        before = Reading(torch.tensor([0.9]), torch.tensor([0.1]), torch.tensor([0.2]))
        assert _better(before, {"f": lambda z: z}, codes) is before
        after = _better(Reading(torch.tensor([0.0]), before.value, before.last), {"f": lambda z: z}, codes)
        assert float(after.value) == pytest.approx(1.0, abs=1e-3)
        assert 0 < float(after.held) < 0.5


class TestEvaluation:
    def test_codes_stand_beside_what_is_asked_for(self):
        work = object.__new__(evaluate.Evaluation)
        work.train, work.test = (Rows(None, drawn(1, n, 1), drawn(1, n, 1, seed=1)) for n in (20, 10))
        work.z, work.z_test = drawn(1, 20, 3), drawn(1, 10, 3)
        assert torch.equal(work.codes("y").target, work.train.y)
        assert torch.equal(work.codes("t").target, work.train.t)
        assert torch.equal(work.codes("t").test_target, work.test.t)

    def test_what_a_record_says(self, monkeypatch):
        """rho and rho as the code has it, on all test rows and on the last 500; two sides are learnt for HGR alone."""
        asked = []

        def reading(k):
            return Reading(*(torch.tensor([v + k / 100]) for v in (0.1, 0.2, 0.3)))

        class Work:
            trained, origin = "census/none", ORIGIN
            test = SimpleNamespace(x=torch.zeros(1, 7, 2))

            def __init__(self, *_):
                pass

            def own_head(self):
                return reading(1)

            def read(self, which, two_sided, more):
                asked.append((which, two_sided, sorted(more)))
                k = 10 * len(asked)
                found = {**more, "code": reading(k + 2)} | ({"code_two_sided": reading(k + 3)} if two_sided else {})
                return Judged(torch.tensor([k / 100]), torch.tensor([0.0]), found, ["code"])

        monkeypatch.setattr(evaluate, "Evaluation", Work)
        trained = SimpleNamespace(params={"slices": 5}, status="ok", message="")
        config = SimpleNamespace(cell=CELL)
        job = SimpleNamespace(config=config, needed=lambda *_: trained)
        found = evaluate.run(job, [0])[0][0].metrics
        assert asked == [("y", False, ["trained_along"]), ("t", False, []), ("t", True, ["code"])]
        wanted = {"rho_zy": 0.1, "rho_zt": 0.2, "hgr_zt": 0.3, "rho_zy_code": 0.21, "rho_zy_code_last500": 0.31}
        wanted |= {"rho_zt_code": 0.42, "rho_zt_code_last500": 0.52, "test_rows": 7, "slices": 5}
        assert {name: found[name] for name in wanted} == pytest.approx(wanted)


def task_of(kind, net, **p):
    made = object.__new__(kind)
    made.net, made.p, made.noise = net, p, [generator("t")]
    return made


def test_disentangling_weighs_each_loss_by_its_own_factor():
    net = SimpleNamespace(code=nn.Flatten(), label=lambda x: x.flatten(1)[:, :3], infomin=Fixed())
    net.picture = lambda z, t: z.view(-1, 1, 2, 2) * 0.5
    made = task_of(disentangle.Disentangling, net, alpha=2.0, label_weight=3.0, gamma=5.0)
    made.classes = 3
    routes = made.min_step(drawn(6, 1, 2, 2), torch.arange(6) % 3)
    loss, mse, label, penalty = (route.loss for route in routes)
    torch.testing.assert_close(loss, 2 * mse + 3 * label + 5 * penalty)
    assert [route.name for route in routes[1:]] == ["mse", "label", "penalty"]
    assert [route.to for route in routes] == [("net",), (), (), ()]


class TestAdaptation:
    @staticmethod
    def made(attached, gamma=0.5):
        net = nn.Module()
        net.content, net.domain = (nn.Sequential(nn.Flatten(), nn.Linear(2, 4)) for _ in range(2))
        net.content_head, net.domain_head, net.infomin = nn.Linear(4, 3), nn.Linear(4, 2), Fixed(attached)
        return task_of(adaptation.Adaptation, net, gamma=gamma)

    x1, x2, y1 = drawn(6, 1, 1, 2), drawn(6, 1, 1, 2, seed=1), torch.arange(6) % 3

    def test_task_and_domain_are_learnt_and_the_penalty_is_added(self):
        loss, task, told, penalty = (route.loss for route in self.made(False).min_step(self.x1, self.y1, self.x2))
        torch.testing.assert_close(loss, task + told + 0.5 * penalty)

    def test_only_an_attached_penalty_moves_the_domains_encoder(self):
        """The classifier of domains moves it either way: without the penalty's weight nothing else does."""
        for attached, same in ((True, False), (False, True)):
            slopes = []
            for gamma in (0.5, 1e-9):
                torch.manual_seed(0)
                made = self.made(attached, gamma)
                loss = made.min_step(self.x1, self.y1, self.x2)[0].loss
                slopes.append(torch.autograd.grad(loss, made.net.domain[1].weight)[0])
            assert torch.allclose(*slopes, atol=1e-6) is same, attached

    def test_the_source_is_domain_1_and_the_task_is_the_sources(self):
        made = self.made(False)
        with torch.no_grad():
            for p in made.net.parameters():
                p.zero_()
            made.net.domain_head.bias.copy_(torch.tensor([0.0, 50.0]))
        _, _, told, _ = made.min_step(self.x1, self.y1, self.x2[:1])
        assert float(told.loss) == pytest.approx(50 / 7), "of seven rows the one of the target is called the source"
