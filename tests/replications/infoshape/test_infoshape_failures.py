"""Figure 3-3's networks and arithmetic: shapes of the thesis' tables, and where plain MINE overflows."""

import math

import pytest
import torch

from common.losses.variational import donsker_varadhan
from common.training.seeding import generator
from replications.infoshape.critics import ConvolutionalCritic, DenseCritic, dense_encoder
from replications.infoshape.failures import PlainMINE, StableMINE, describe, encode, train

SETTINGS = {"objective": "mine", "ema_rate": 0.01, "batch": 20, "lr": 1e-3, "iterations": 6, "shown_points": 6}


def parameters(module):
    return sum(p.numel() for p in module.parameters())


class TestNetworks:
    def test_counts_are_the_sheets(self):
        assert parameters(ConvolutionalCritic(generator("test"))) == 268_125  # Table 3.4
        assert parameters(DenseCritic(generator("test"))) == 716_289  # Table 3.5
        assert parameters(dense_encoder(generator("test"))) == 78_500  # Table 3.2

    def test_convolutions_have_the_sizes_of_table_3_4(self):
        critic = ConvolutionalCritic(generator("test"))
        for side, images, sizes in (
            (critic.z_side, torch.zeros(2, 3, 9, 9), (5, 3, 2)),
            (critic.x_side, torch.zeros(2, 1, 28, 28), (14, 7, 4)),
        ):
            found, hidden = [], images
            for layer in side:
                hidden = layer(hidden)
                if isinstance(layer, torch.nn.Conv2d):
                    found.append((hidden.shape[1], hidden.shape[2]))
            assert found == [(16, sizes[0]), (32, sizes[1]), (64, sizes[2])]

    @pytest.mark.parametrize(("kind", "width"), [("conv", 243), ("dense", 100)])
    def test_codes(self, kind, width):
        z = encode(kind, torch.rand(5, 784), generator("test"))
        assert z.shape == (5, width)
        assert z.min() >= 0, "ReLU"

    def test_marginal_scores_are_those_of_the_mixed_pairs(self):
        critic = ConvolutionalCritic(generator("test"))
        x, z = torch.randn(8, 784), torch.randn(8, 243)
        partners, same = torch.arange(8).roll(3), torch.arange(8)
        _, marginal = critic(x, z, partners)
        wanted, _ = critic(x, z[partners], same)
        torch.testing.assert_close(marginal, wanted)

    def test_dense_noise_differs_between_joint_and_marginal_pairs(self):
        joint, marginal = DenseCritic(generator("test"))(torch.zeros(4, 784), torch.zeros(4, 100), torch.arange(4))
        assert (joint != marginal).all()


class TestArithmetic:
    def test_both_forms_are_donsker_varadhan_with_the_same_first_gradient(self):
        joint, marginal = torch.randn(64), torch.randn(64)
        gradients = []
        for objective in (PlainMINE(0.01), StableMINE(0.01)):
            scores = marginal.clone().requires_grad_()
            value = objective(joint, scores)
            torch.testing.assert_close(value, donsker_varadhan(joint, marginal))
            value.backward()
            gradients.append(scores.grad)
        torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)

    def test_a_score_of_100_is_lost_in_plain_fp32_alone(self):
        joint, marginal = torch.zeros(4), torch.tensor([100.0, 0.0, 0.0, 0.0])
        assert PlainMINE(0.01)(joint, marginal) == -math.inf
        assert float(StableMINE(0.01)(joint, marginal)) == pytest.approx(-100 + math.log(4))


class TestRuns:
    @staticmethod
    def run(**changes):
        x = torch.randn(60, 784, generator=generator("test", "x"))
        z = encode("dense", x, generator("test", "encoder"))
        critic = DenseCritic(generator("test", "critic"))
        return train(x, z, critic, SETTINGS | changes, generator("test", "order"))

    def test_a_run_repeats_to_the_bit(self):
        assert self.run() == self.run()

    def test_an_overflow_is_where_it_happened_and_all_after_is_nan(self):
        values = self.run(lr=1e3)
        lost = next(i for i, v in enumerate(values) if not math.isfinite(v))
        assert 0 < lost < len(values)
        assert all(math.isnan(v) for v in values[lost + 1 :])
        found = describe(values, SETTINGS)
        assert (found.status, found.metrics["last_finite"]) == ("diverged", lost)
        assert f"iteration {lost}" in found.message

    def test_description_of_a_spike(self):
        found = describe([1.0] * 50 + [9.0] + [1.0] * 50, SETTINGS | {"iterations": 101, "shown_points": 101})
        assert found.status == "ok"
        assert found.metrics["spike"] == pytest.approx(8)
        assert found.metrics["spike_at"] == 50, "counted from 0, as in the message of a lost run"
        assert found.metrics["late_sd"] == pytest.approx(0)

    def test_a_lost_run_says_where_it_jumped_before(self):
        values = [1.0] * 30 + [-9.0] + [1.0] * 9 + [-math.inf] + [math.nan] * 59
        found = describe(values, SETTINGS | {"iterations": 100})
        assert (found.status, found.message) == ("diverged", "iteration 40: the estimate is -inf")
        assert (found.metrics["spike"], found.metrics["spike_at"]) == (10, 30)

    @pytest.mark.parametrize("at", [0, 20, 50, 99])
    def test_a_climb_is_no_spike_and_a_spike_on_it_is(self, at):
        climb = [3 * (1 - math.exp(-i / 15)) for i in range(100)]
        settings = SETTINGS | {"iterations": 100, "shown_points": 100}
        assert describe(climb, settings).metrics["spike"] < 0.5
        climb[at] += 5
        found = describe(climb, settings).metrics
        assert found["spike"] == pytest.approx(5, abs=0.5)
        assert found["spike_at"] == at


class TestWindows:
    """The early window is the second fifth of a run, the late one the last fifth of what is finite of it."""

    @staticmethod
    def stairs(lost, iterations=100):
        """Return a run of alternating signs whose amplitude is the number of its fifth, lost at an iteration."""
        values = [(-1) ** i * (1 + 5 * i // iterations) for i in range(lost)]
        return [float(v) for v in values] + [math.nan] * (iterations - lost)

    @pytest.mark.parametrize(("lost", "late"), [(100, 5), (60, 3)])
    def test_they_do_not_overlap(self, lost, late):
        found = describe(self.stairs(lost), SETTINGS | {"iterations": 100}).metrics
        ratio = math.sqrt(20 / 19)  # the sample sd of 20 values +-1
        assert found["early_sd"] == pytest.approx(2 * ratio)
        assert found["late_sd"] == pytest.approx(late * ratio)

    @pytest.mark.parametrize("lost", [59, 41, 25, 17, 2])
    def test_a_run_lost_before_three_fifths_has_no_early_one(self, lost):
        found = describe(self.stairs(lost), SETTINGS | {"iterations": 100}).metrics
        assert "early_sd" not in found, "0.0 would say that it was still, and the windows would overlap"
        assert {"late_sd", "spike", "spike_at"} <= set(found)

    @pytest.mark.parametrize("iterations", range(1, 13))
    def test_a_run_shorter_than_they_are_is_described(self, iterations):
        for lost in range(iterations + 1):
            found = describe(self.stairs(lost, iterations), SETTINGS | {"iterations": iterations})
            assert found.status == ("ok" if lost == iterations else "diverged")
            assert all(map(math.isfinite, found.metrics.values()))
            assert found.metrics["last_finite"] == lost
            assert ("late_sd" in found.metrics) == (lost > 1)
            assert ("early_sd" in found.metrics) == (lost >= 6 and lost >= 3 * (iterations // 5))
