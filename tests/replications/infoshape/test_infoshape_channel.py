"""A Gaussian channel after the encoder: closed forms first, then what brackets and attackers must say about them."""

import math

import pytest
import torch

from common.training.seeding import generator
from replications.infoshape.attacker import attack, explained, least_squares
from replications.infoshape.channel import bracket, component_information, linear_encoders, linear_information
from replications.infoshape.sample import Sample, draw


def picks(*coordinates):
    w = torch.zeros(len(coordinates), 20)
    w[range(len(coordinates)), list(coordinates)] = 1
    return w


class TestClosedForm:
    @pytest.mark.parametrize("sigma", [0.1, 1.0])
    def test_one_coordinate_is_the_scalar_channel(self, sigma):
        scalar = 0.5 * math.log(1 + 1 / sigma**2)
        assert component_information(picks(0), sigma, 0.99) == pytest.approx(scalar)
        whole, label = linear_information(picks(0), sigma, 100, generator("test"))
        assert label == pytest.approx(0, abs=1e-12)  # one coordinate has the same law in both components
        assert whole == pytest.approx(scalar)

    def test_a_pair_by_its_eigenvalues(self):
        wanted = 0.5 * (math.log(1 + 1.99 / 0.04) + math.log(1 + 0.01 / 0.04))
        assert component_information(picks(0, 10), 0.2, 0.99) == pytest.approx(wanted)
        assert component_information(picks(0, 10), 0.2, -0.99) == pytest.approx(wanted)

    def test_the_whole_of_x_shows_the_label(self):
        _, label = linear_information(torch.eye(20), 0.01, 2000, generator("test"))
        assert label == pytest.approx(math.log(2), abs=1e-3)

    def test_halving_the_noise_adds_ln_2_per_dimension(self):
        w = linear_encoders([0])[0]
        gain = component_information(w, 1e-4, 0.99) - component_information(w, 2e-4, 0.99)
        assert gain == pytest.approx(3 * math.log(2), abs=1e-3)  # and so on without end: I(X;Z) is infinite at 0


class TestBracket:
    def test_it_holds_the_closed_form(self):
        x = draw([0], 3000, "test").x[0]
        w = linear_encoders([0])[0]
        for sigma in (0.1, 0.5):
            truth, _ = linear_information(w, sigma, 20_000, generator("test"))
            low, high = bracket(x @ w.T, sigma, 2000, generator("test", "bracket"))
            error = 4 * math.sqrt(1.5 / 2000)  # sd of ln p(z|x) in 3 dimensions, over the judged rows
            assert low - error <= truth <= high + error
            assert high - low < 0.2

    def test_it_never_passes_the_log_of_the_candidates_from_below(self):
        low, _ = bracket(torch.randn(200, 3, generator=generator("test")), 1e-4, 100, generator("test"))
        assert low <= math.log(200) + 1e-6

    def test_a_constant_code_carries_nothing(self):
        low, high = bracket(torch.ones(300, 3), 0.1, 200, generator("test"))
        assert low == pytest.approx(0, abs=1e-5)
        assert high == pytest.approx(0, abs=1e-5)


SETTINGS = {"hidden": [64], "batch": 200, "lr": 1e-2, "epochs": 30, "test_share": 0.2}


class TestAttacker:
    @pytest.fixture
    def data(self):
        return draw([0], 2000, "attacker test")

    def run(self, data, z):
        coded = Sample(z, data.labels)
        x = (data.head(0.8).x, data.tail(0.2).x)
        random = ([generator("test", "init")], [generator("test", "order")])
        found = attack(coded.head(0.8), coded.tail(0.2), x, SETTINGS, random)
        return {kind: float(share[0]) for kind, share in found.items()}

    def test_identity_is_everything_and_a_constant_nothing(self, data):
        assert self.run(data, data.x)["linear"] == pytest.approx(1, abs=1e-6)
        nothing = self.run(data, torch.ones_like(data.x[..., :3]))
        assert nothing["linear"] == pytest.approx(0, abs=0.01)
        assert nothing["network"] == pytest.approx(0, abs=0.03)

    def test_three_coordinates_are_three_twentieths(self, data):
        found = self.run(data, data.x[..., :3])
        assert found["linear"] == pytest.approx(3 / 20, abs=0.015)
        assert found["network"] == pytest.approx(3 / 20, abs=0.03)

    def test_the_label_in_the_code_gives_a_network_more_than_a_line(self, data):
        # a_1, b_1 show the label, which makes b_2 = ±0.99 a_2 known: 3 + 0.99^2 of 20 coordinates
        found = self.run(data, data.x[..., [0, 10, 1]])
        assert found["linear"] == pytest.approx(3 / 20, abs=0.015)
        assert found["network"] > found["linear"] + 0.025
        assert found["network"] < (3 + 0.99**2) / 20 + 0.015

    def test_least_squares_is_exact_on_a_linear_map(self):
        z = torch.randn(1, 50, 3, generator=generator("test"))
        x = z @ torch.randn(1, 3, 20, generator=generator("test", 2)) + 1
        torch.testing.assert_close(least_squares(z, x, z), x, rtol=1e-4, atol=1e-4)
        assert float(explained(x, x)[0]) == 1


def test_linear_encoder_is_the_untrained_one_without_its_tanh():
    from replications.infoshape import method

    x = 1e-3 * torch.randn(1, 10, 20, generator=generator("test"))
    net = method.encoder([generator("infoshape", "encoder", 4)])
    with torch.no_grad():
        for layer in net.layers:
            layer.bias.zero_()
        torch.testing.assert_close(net(x), x @ linear_encoders([4]).mT, rtol=1e-3, atol=1e-7)
