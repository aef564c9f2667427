"""RUBi, ReBias and LearnedMixIn against their definitions (sheet, sections 2e and 4)."""

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from common.losses.hsic import gaussian_kernel, unbiased_hsic
from common.training.routing import reached, send
from replications.irene import baselines
from replications.irene.baselines import BiasedNet
from replications.irene.training import step


@pytest.fixture
def nets():
    torch.manual_seed(0)
    return nn.ModuleDict(
        {
            "encoder": nn.Linear(6, 4),
            "target": nn.Linear(4, 3),
            "biased": BiasedNet(nn.Linear(6, 2), nn.Linear(2, 3)),
            "mask": nn.Linear(2, 3),
            "weight": nn.Linear(4, 1),
        }
    )


@pytest.fixture
def batch():
    random = torch.Generator().manual_seed(1)
    return torch.randn(12, 6, generator=random), torch.randint(0, 3, (12,), generator=random)


def parts(nets, **more):
    return {name: list(net.parameters()) for name, net in {**nets, **more}.items()}


class TestHSIC:
    def test_equals_the_explicit_sum_and_the_reference_codes_form(self):
        """The reference subtracts the diagonal as a vector from every row; for RBF kernels that is the same number."""
        random = torch.Generator().manual_seed(2)
        x, y = (torch.randn(50, d, generator=random, dtype=torch.float64) for d in (3, 2))
        k, l = gaussian_kernel(x, 1.0), gaussian_kernel(y + 0.5 * x[:, :2], 1.0)  # noqa: E741
        n = 50

        def form(k, l):  # noqa: E741
            trace = torch.trace(k @ l)
            means = k.sum() * l.sum() / ((n - 1) * (n - 2)) - 2 * (k.sum(0) @ l.sum(0)) / (n - 2)
            return float((trace + means) / (n * (n - 3)))

        zeroed = [m - torch.diag(m.diagonal()) for m in (k, l)]
        shifted = [m - m.diagonal() for m in (k, l)]
        assert float(unbiased_hsic(k, l)) == pytest.approx(form(*zeroed), abs=1e-12)
        assert form(*shifted) == pytest.approx(form(*zeroed), abs=1e-6)

    def test_mean_is_0_under_independence_and_positive_for_a_copy(self):
        random = torch.Generator().manual_seed(3)
        found = torch.stack(
            [
                baselines.hsic(torch.randn(40, 3, generator=random), torch.randn(40, 2, generator=random))
                for _ in range(200)
            ]
        )
        assert abs(float(found.mean())) < 4 * float(found.std()) / 200**0.5
        x = torch.randn(40, 3, generator=random)
        assert float(baselines.hsic(x, x)) > 10 * float(found.std())


class TestRUBi:
    def test_nothing_of_the_masked_loss_reaches_the_biased_networks_features(self, nets, batch):
        x, y = batch
        z = nets["encoder"](x)
        routes = baselines.rubi(nets["target"](z), y, nets["biased"], nets["mask"], x)
        found = {route.name: reached(route.loss, parts(nets)) for route in routes}
        assert found == {"task": {"encoder", "target", "mask"}, "question": {"mask"}, "biased": {"biased"}}

    def test_masked_logits(self, nets, batch):
        x, y = batch
        logits = nets["target"](nets["encoder"](x))
        task = baselines.rubi(logits, y, nets["biased"], nets["mask"], x)[0].loss
        asked = nets["mask"](nets["biased"](x)[0])
        wanted = nn.functional.cross_entropy(logits / (1 + torch.exp(-asked)), y)
        torch.testing.assert_close(task, wanted)


class TestReBias:
    def test_g_learns_near_f_and_f_far_from_g(self, nets, batch):
        x, y = batch
        z = nets["encoder"](x)
        turns = baselines.rebias(z, nets["target"](z), y, nets["biased"], x)
        (near,) = next(turns)
        assert reached(near.loss, parts(nets)) == {"biased"}
        features, guess = nets["biased"](x)
        wanted = nn.functional.cross_entropy(guess, y) - baselines.hsic(z, features)
        torch.testing.assert_close(near.loss, wanted)
        (far,) = next(turns)
        assert reached(far.loss, parts(nets)) == {"encoder", "target"}
        torch.testing.assert_close(
            far.loss, nn.functional.cross_entropy(nets["target"](z), y) + baselines.hsic(z, features)
        )

    def test_the_second_turn_sees_the_stepped_g(self, nets, batch):
        x, y = batch
        z = nets["encoder"](x)
        turns = baselines.rebias(z, nets["target"](z), y, nets["biased"], x)
        next(turns)
        with torch.no_grad():
            nets["biased"].encoder.weight.mul_(-3)
        (far,) = next(turns)
        wanted = nn.functional.cross_entropy(nets["target"](z), y) + baselines.hsic(z, nets["biased"](x)[0])
        torch.testing.assert_close(far.loss, wanted)


class TestLearnedMixIn:
    def test_loss_from_its_definition(self, nets, batch):
        x, y = batch
        z = nets["encoder"](x)
        logits = nets["target"](z)
        (route,) = baselines.learned_mixin(z, logits, y, nets["biased"], nets["weight"], x)
        factor = softplus(nets["weight"](z))
        assert (factor >= 0).all()
        scaled = factor * nets["biased"](x)[1]
        p = torch.softmax(scaled, 1)
        wanted = nn.functional.cross_entropy(logits + scaled, y) - 0.36 * (p * p.log()).sum(1).mean()
        torch.testing.assert_close(route.loss, wanted)

    def test_the_frozen_network_stays_as_it_is(self, nets, batch):
        x, y = batch
        z = nets["encoder"](x)
        before = {name: value.clone() for name, value in nets["biased"].state_dict().items()}
        routes = baselines.learned_mixin(z, nets["target"](z), y, nets["biased"], nets["weight"], x)
        trained = {"encoder": [*nets["encoder"].parameters()], "target": [*nets["target"].parameters()]}
        send(routes, {**trained, "fusion": [*nets["weight"].parameters()]})
        assert all(p.grad is None for p in nets["biased"].parameters())
        assert all(torch.equal(before[name], value) for name, value in nets["biased"].state_dict().items())


class TestStep:
    """What a cell's settings make of the losses: H beside each, the task at its scale (D7), fc left as it is (D6)."""

    def turns(self, method, batch, left_out=(), debias_scale=1.0):
        x, y = batch
        torch.manual_seed(4)
        model = {"encoder": nn.Linear(6, 4), "target": nn.Linear(4, 3), "private": nn.Linear(4, 2)}
        model |= {"biased": BiasedNet(nn.Linear(6, 2), nn.Linear(2, 3))}
        model |= {"fusion": nn.Linear(*{"rubi": (2, 3)}.get(method, (4, 1)))}
        p = {"method": method, "alpha": 0.5, "gamma": 0.5, "normalised": True, "buggy": False}
        run = step(nn.ModuleDict(model), {**p, "debias_scale": debias_scale}, 2, model["biased"], left_out)
        return list(run({"x": x, "y": y, "v": y % 2}))

    @pytest.mark.parametrize("method", ["rubi", "rebias", "learnedmixin"])
    def test_only_the_task_is_scaled(self, batch, method):
        whole, half = (self.turns(method, batch, debias_scale=scale) for scale in (1.0, 0.5))
        pairs = [pair for routes in zip(whole, half, strict=True) for pair in zip(*routes, strict=True)]
        ratios = {a.name: float(b.loss.detach() / a.loss.detach()) for a, b in pairs}
        assert {"task", "private"} <= set(ratios)
        assert ratios == pytest.approx({name: 0.5 if name == "task" else 1.0 for name in ratios})

    def test_irenes_loss_is_not_the_debiasing_methods_to_scale(self, batch):
        ((task, *_),) = self.turns("irene", batch)
        ((same, *_),) = self.turns("irene", batch, debias_scale=0.5)
        assert torch.equal(task.loss, same.loss)

    @pytest.mark.parametrize("method", ["rubi", "learnedmixin"])
    def test_a_frozen_fc_is_no_routes_target(self, batch, method):
        trained, frozen = (self.turns(method, batch, left_out) for left_out in ((), ("fusion",)))
        reaches = [{name for routes in turns for route in routes for name in route.to} for turns in (trained, frozen)]
        assert reaches[0] - reaches[1] == {"fusion"}

    def test_rebias_has_two_turns_and_h_learns_once(self, batch):
        names = [[route.name for route in routes] for routes in self.turns("rebias", batch)]
        assert names == [["biased"], ["private", "task"]]
