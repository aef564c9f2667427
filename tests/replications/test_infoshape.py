"""InfoShape against what can be known without training: closed forms, shapes, gradient routing, the protocol."""

import math

import numpy as np
import pytest
import torch

from common.data.gaussians import component_entropy, mixture_entropy, pair_information
from common.estimators.critic_fit import CriticFit
from common.evaluation.claims import read_claims
from common.evaluation.probes import ProbeSettings, fit_binary_probes
from common.losses.variational import donsker_varadhan, remine
from common.models.stacked import StackedMLP
from common.training.seeding import generator
from common.workflow.config import load_paper, resolve_params
from replications.infoshape import cost, images, method
from replications.infoshape.closed_forms import log_densities
from replications.infoshape.sample import RHOS, Sample, draw


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def seeds(n):
    return [generator("test", k) for k in range(n)]


def assert_layers(net, x, hidden, final=lambda v: v):
    """A stack's output is that of its affine maps with ``hidden`` between and ``final`` behind them."""
    value = x
    for layer in net.layers[:-1]:
        value = hidden(value @ layer.weight + layer.bias)
    wanted = final(value @ net.layers[-1].weight + net.layers[-1].bias)
    torch.testing.assert_close(net(x), wanted)


class TestTables:
    """Tables 3.3, 3.6 and 4.1: parameter counts (the sheet's) and the activations between layers."""

    def test_encoder(self):
        net = method.encoder(seeds(1))
        assert parameters(net) == 243
        z = net(10 * torch.randn(1, 50, 20))
        assert z.shape == (1, 50, 3)
        assert z.abs().max() <= 1, "tanh bounds the code"

    @pytest.mark.parametrize(
        ("d_x", "d_z", "count"), [(20, 20, 14_301), (20, 3, 12_601), (20, 1, 12_401), (3, 1, 10_701)]
    )
    def test_statistics_network(self, d_x, d_z, count):
        assert parameters(method.statistics_network(d_x, d_z, seeds(1))) == count

    @pytest.mark.parametrize(("width", "count"), [(20, 2_201), (3, 501)])
    def test_classifier(self, width, count):
        settings = ProbeSettings((100,), batch=4, epochs=0, lr=0.4)
        probe = fit_binary_probes(torch.zeros(1, 4, width), torch.zeros(1, 4, 1), settings, seeds(1), seeds(1))
        assert parameters(probe) == count
        assert_layers(probe, torch.randn(1, 6, width), torch.relu)

    def test_hidden_layers_are_tanh_in_the_encoder_and_relu_in_statistics_networks(self):
        assert_layers(method.encoder(seeds(1)), torch.randn(1, 6, 20), torch.tanh, torch.tanh)
        critic = method.statistics_network(20, 3, seeds(1))
        assert_layers(critic.network, torch.randn(1, 6, 23), torch.relu)


class TestImages:
    def test_convolutional_encoder_is_table_3_1(self):
        net = images.convolutional_encoder(generator("test"))
        assert parameters(net) == 30
        assert net(torch.zeros(1, 1, 28, 28)).shape == (1, 3, 9, 9)

    def test_an_identity_passes_other_images_and_a_constant_shows_the_trained_one(self):
        net = StackedMLP([784, 784], seeds(2), final="tanh")
        image, others = torch.rand(28, 28) - 0.5, torch.rand(5, 784) - 0.5
        with torch.no_grad():
            net.layers[0].weight.copy_(torch.stack([0.01 * torch.eye(784), torch.zeros(784, 784)]))
            net.layers[0].bias.copy_(torch.stack([torch.zeros(1, 784), 0.01 * image.flatten()[None]]))
        identity, constant = images.on_others(net, image, others)
        alike = images.correlation(others, image.flatten().expand_as(others)).mean()
        wanted = {"others": 1.0, "trained": float(alike), "alike": float(alike)}
        assert identity == pytest.approx(wanted, abs=1e-4)
        assert constant == pytest.approx({"others": float(alike), "trained": 1.0, "alike": float(alike)}, abs=1e-4)

    def test_correlation_is_torchs(self):
        x, z = torch.randn(2, 50), torch.randn(2, 50)
        wanted = torch.stack([torch.corrcoef(torch.stack([x[k], z[k]]))[0, 1] for k in range(2)])
        torch.testing.assert_close(images.correlation(x, z), wanted)


class TestData:
    @pytest.fixture
    def sample(self):
        return draw([0, 1], 10_000, "test")

    def test_entropies_printed_and_right(self):
        assert component_entropy(20, 0.99) == pytest.approx(8.7936, abs=5e-5)  # printed as H(X) = 8.79
        assert mixture_entropy(20, RHOS) == pytest.approx(9.4867, abs=5e-5)
        assert pair_information(10, 0.99) == pytest.approx(19.585182, abs=1e-5)  # the notebook's I(a;b), in fp32

    def test_label_is_a_function_of_x(self, sample):
        densities = log_densities(sample.x[0])
        labels = sample.labels[0, :, 0].long()
        own, other = densities.gather(0, labels[None])[0], densities.gather(0, 1 - labels[None])[0]
        assert (own - other).min() > 20, "the components do not overlap: the sheet saw margins of 27 nats"
        information = (own - torch.logsumexp(densities, 0) + math.log(2)).mean()
        assert float(information) == pytest.approx(math.log(2), abs=1e-6)

    def test_moments(self, sample):
        for label, rho in enumerate(RHOS):
            x = sample.x[0][sample.labels[0, :, 0] == label].double()
            covariance = x.T @ x / len(x)
            wanted = torch.eye(20, dtype=torch.float64)
            wanted[range(10), range(10, 20)] = wanted[range(10, 20), range(10)] = rho
            assert (covariance - wanted).abs().max() < 5 / math.sqrt(len(x))

    def test_split_is_stratified_and_disjoint(self):
        rows = torch.arange(60_000.0)[None, :, None]
        labels = (rows >= 30_000).float()
        train, test = Sample(rows, labels).head(0.8), Sample(rows, labels).tail(0.2)
        assert (train.x.shape[1], test.x.shape[1]) == (48_000, 12_000)
        assert train.labels.mean() == test.labels.mean() == 0.5
        assert not set(train.x.flatten().tolist()) & set(test.x.flatten().tolist())

    def test_a_seed_is_the_same_in_any_stack_and_role_draws_differ(self):
        assert torch.equal(draw([3], 50, "data").x[0], draw([1, 3], 50, "data").x[1])
        assert not torch.equal(draw([3], 50, "data").x, draw([3], 50, "heldout").x)


class TestOptimalCritic:
    """T* = log dP/dQ for (X, L): T(x, l) = log p(x|l) - log p(x); every bound then is I(X;L) = ln 2."""

    @pytest.fixture
    def scores(self):
        sample = draw([0], 20_000, "test")
        densities = log_densities(sample.x[0])
        ratio = densities - (torch.logsumexp(densities, 0) - math.log(2))
        labels = sample.labels[0, :, 0].long()
        mixed = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
        return ratio.gather(0, labels[None]), ratio.gather(0, mixed[None])

    def test_donsker_varadhan_and_remine_are_the_truth(self, scores):
        # e^T is 2 or 0 with equal odds: its mean over 40,000 pairs has standard error 1/200 and log 1 = 0
        assert float(donsker_varadhan(*scores)) == pytest.approx(math.log(2), abs=3 / 200)
        assert float(remine(*scores)) == pytest.approx(math.log(2), abs=3 / 200)

    def test_a_constant_leaves_dv_and_costs_remine_its_square(self, scores):
        joint, marginal = scores
        c = 1.5
        torch.testing.assert_close(donsker_varadhan(joint + c, marginal + c), donsker_varadhan(joint, marginal))
        drift = torch.logsumexp(marginal, -1) - math.log(marginal.shape[-1])
        lost = remine(joint, marginal) - remine(joint + c, marginal + c)
        torch.testing.assert_close(lost, 0.1 * ((drift + c).square() - drift.square()))


class TestReMINE:
    def test_the_moving_average_never_moves_the_value(self):
        joint, marginal = torch.randn(2, 64), torch.randn(2, 64)
        plain, averaged = method.ReMINE(), method.ReMINE(ema=True)
        for _ in range(3):
            torch.testing.assert_close(averaged(joint, marginal), plain(joint, marginal))

    def test_first_gradient_is_plain_later_ones_have_the_average_below(self):
        objective = method.ReMINE(weight=0.0, ema=True)
        low, high = torch.zeros(1, 8), torch.full((1, 8), 2.0)
        objective(low, low)  # average = 1
        marginal = high.clone().requires_grad_()
        objective(high, marginal).sum().backward()
        average = 0.99 + 0.01 * math.e**2
        torch.testing.assert_close(marginal.grad, torch.full((1, 8), -(math.e**2) / average / 8))

    def test_state_goes_round(self):
        first, second = method.ReMINE(ema=True), method.ReMINE(ema=True)
        first(torch.randn(1, 8), torch.randn(1, 8))
        second.load_state_dict(first.state_dict())
        assert torch.equal(first.log_average, second.log_average)
        assert method.ReMINE().state_dict() == {}


def test_lagrangian_is_equation_4_1():
    leakage, utility = torch.tensor([3.6, 4.0]), torch.tensor([0.13, 0.3])
    value = method.lagrangian(leakage, utility, h_x=8.0, h_l=0.7, lambda_1=2.0, lambda_2=3.0)
    torch.testing.assert_close(value, 2 * leakage / 8 - 3 * utility / 0.7)


class TestEncoderGradient:
    @pytest.fixture
    def parts(self):
        sample = draw([0, 1], 100, "test")
        net = method.encoder(seeds(2))
        with torch.no_grad():
            z = net(sample.x)
        settings = {"batch": 200, "lr": 1e-3}
        privacy = CriticFit(
            sample.x, z, method.statistics_network(20, 3, seeds(2)), method.ReMINE(), generators=seeds(2), **settings
        ).train(20)
        utility = CriticFit(
            z,
            sample.labels,
            method.statistics_network(3, 1, seeds(2)),
            method.ReMINE(),
            generators=seeds(2),
            **settings,
        ).train(20)
        return sample, net, privacy, utility

    @staticmethod
    def gradient(parts, lambda_1=1.0, lambda_2=1.0, with_utility=True, batches=3):
        sample, net, privacy, utility = parts
        weights = {"lambda_1": lambda_1, "lambda_2": lambda_2, "h_x": torch.tensor([7.0, 8.0]), "h_l": math.log(2)}
        values = method.encoder_gradient(
            net,
            sample.x,
            sample.labels,
            privacy,
            utility if with_utility else None,
            weights,
            batches,
            (seeds(2), seeds(2)),
        )
        return values, [p.grad.clone() for p in net.parameters()]

    def test_it_is_the_gradient_of_equation_4_1_through_frozen_critics(self, parts):
        sample, net, privacy, utility = parts
        (leakage, gained), found = self.gradient(parts)
        net.zero_grad()
        z = net(sample.x)
        i_xz = torch.stack(list(privacy.bounds(sample.x, z, 3, seeds(2)))).mean(0)
        i_zl = torch.stack(list(utility.bounds(z, sample.labels, 3, seeds(2)))).mean(0)
        (i_xz / torch.tensor([7.0, 8.0]) - i_zl / math.log(2)).sum().backward()
        torch.testing.assert_close(leakage, i_xz.detach())
        torch.testing.assert_close(gained, i_zl.detach())
        for a, p in zip(found, net.parameters(), strict=True):
            torch.testing.assert_close(a, p.grad, rtol=1e-4, atol=1e-6)

    def test_each_bound_sees_the_scores_of_its_own_critic_alone(self, parts):
        sample, net, privacy, utility = parts
        seen = ([], [])

        def noting(k):
            return lambda joint, marginal: seen[k].append(joint.detach()) or donsker_varadhan(joint, marginal)

        weights = {"h_x": 8.0, "h_l": 0.7}
        given = (net, sample.x, sample.labels, privacy, utility, weights, 3, (seeds(2), seeds(2)))
        method.encoder_gradient(*given, (noting(0), noting(1)))
        assert [len(scores) for scores in seen] == [3, 3]
        with torch.no_grad():
            z = net(sample.x)
        for k, (fit, a, b) in enumerate([(privacy, sample.x, z), (utility, z, sample.labels)]):
            alone = []
            list(fit.bounds(a, b, 3, seeds(2), lambda joint, _, kept=alone: kept.append(joint) or joint.mean(-1)))
            torch.testing.assert_close(torch.stack(seen[k]), torch.stack(alone))

    def test_critics_are_left_as_they_were(self, parts):
        _, _, privacy, utility = parts
        before = [p.clone() for fit in (privacy, utility) for p in fit.critic.parameters()]
        self.gradient(parts)
        after = [p for fit in (privacy, utility) for p in fit.critic.parameters()]
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))

    def test_critics_train_on_detached_codes(self, parts):
        _, net, privacy, _ = parts
        net.zero_grad(set_to_none=True)
        privacy.train(privacy.passes + 1)
        assert all(p.grad is None for p in net.parameters())

    def test_a_step_against_it_lowers_leakage_and_raises_utility(self, parts):
        net = parts[1]
        for lambda_1, lambda_2, sign in ((1.0, 0.0, -1), (0.0, 1.0, +1)):
            values, gradient = self.gradient(parts, lambda_1, lambda_2)
            with torch.no_grad():
                for p, g in zip(net.parameters(), gradient, strict=True):
                    p.sub_(g, alpha=0.05)
            after, _ = self.gradient(parts, lambda_1, lambda_2)
            moved = (after[0] - values[0]) if lambda_1 else (after[1] - values[1])
            assert (sign * moved > 0).all()

    def test_leakage_alone_needs_no_utility(self, parts):
        (_, gained), alone = self.gradient(parts, lambda_2=0.0, with_utility=False)
        assert not gained.any()
        _, weighted = self.gradient(parts, lambda_2=0.0)
        for a, b in zip(alone, weighted, strict=True):
            torch.testing.assert_close(a, b)


class TestProtocol:
    """What section 4.1 and the notebook print, read from the resolved configuration at scale paper."""

    @pytest.fixture
    def params(self, root):
        paper = load_paper(root, "infoshape")
        return lambda experiment, variant="thesis": resolve_params(paper, experiment, variant, "paper", {})

    def test_iterations(self, params):
        p = params("encoder_a")
        batches = 2 * p["n_per_class"] // p["batch"]
        assert (batches, batches * p["utility_passes"], batches * p["privacy_passes"]) == (15, 15_000, 22_500)
        assert cost.work("raw", params("raw")).steps == 37_500
        assert cost.work("encoder_a", p).steps == 375_000

    def test_the_repository_steps_twice_in_twelve_batches(self, params):
        p = params("encoder_a", "repository")
        batches = int(2 * p["n_per_class"] * p["train_share"]) // p["batch"]
        assert batches == 12
        assert len(range(0, batches, p["update_every"])) == 2

    @pytest.mark.parametrize("experiment", ["raw", "encoder_a", "encoder_d"])
    def test_only_the_batched_reading_gathers_and_steps_once_for_ten_batches(self, params, experiment):
        assert (params(experiment, "batched")["gather"], params(experiment)["gather"]) == (10, 1)
        assert params(experiment, "batched") | {"gather": 1} == params(experiment)

    @pytest.mark.parametrize(
        ("experiment", "weights", "epochs", "passes"),
        [
            ("encoder_a", (1, 1), 10, (1500, 1000)),
            ("encoder_b", (10, 1), 10, (1500, 1000)),
            ("encoder_c", (100, 1), 10, (2000, 1000)),
            ("encoder_d", (1, 0), 25, (2000, 0)),
        ],
    )
    def test_experiments_a_to_d(self, params, experiment, weights, epochs, passes):
        p = params(experiment)
        assert (p["lambda_leakage"], p["lambda_utility"]) == weights
        assert p["encoder_epochs"] == epochs
        assert (p["privacy_passes"], p["utility_passes"]) == passes

    def test_literal_reading_weighs_the_utility(self, params):
        p = params("encoder_b", "literal")
        assert (p["lambda_leakage"], p["lambda_utility"]) == (1, 10)

    def test_classifier_step_is_the_notebooks(self, params):
        p = params("classifier")
        assert p["lr"] == pytest.approx(1e-4 * 4000), "its loss is a sum over 4,000, ours a mean"


class TestClaims:
    """Predicates on the thesis' own numbers, and on numbers that must break them."""

    @pytest.fixture
    def judged(self, root):
        claims = {c.id: c for c in read_claims(root / "replications/infoshape/claims.yaml")}

        def judged(name, **numbers):
            return claims[name].parsed()({k: np.array([float(v)]) for k, v in numbers.items()}).holds

        return judged

    def test_i_xx_is_held_to_the_printed_entropy(self, judged):
        assert judged("C4d", whole=7.59)
        assert not judged("C4d", whole=10.5)

    def test_every_epoch_must_raise_the_utility(self, judged):
        rising = {f"u{e}": 0.13 + 0.02 * e for e in range(10)}
        assert judged("C6c", **rising)
        for e in range(1, 10):
            assert not judged("C6c", **(rising | {f"u{e}": rising[f"u{e - 1}"]}))

    def test_the_caption_of_figure_4_9_breaks_what_chapter_5_says_of_it(self, judged):
        assert not judged("C8d", before=3.94, tenth=3.32, last=3.32)
        assert judged("C8d", before=3.94, tenth=3.7, last=3.32)

    def test_not_simultaneously_is_what_the_printed_numbers_say(self, judged):
        utility = {"utility_before": 0.13, "utility_after": 0.30}
        alone = {"alone_before": 3.94, "alone_after": 3.32}
        assert judged("C9b", leakage_before=3.61, leakage_after=3.52, **utility, **alone)
        assert not judged("C9b", leakage_before=3.61, leakage_after=3.2, **utility, **alone)
