"""CelebA's networks, split and Lipschitz term, baselines and geometry against what can be known without training."""

from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from common.training.seeding import generator
from replications.generative_filter import faces_net, fair
from replications.generative_filter.faces import split_rows
from replications.generative_filter.geometry import gap
from replications.generative_filter.sharpness import sharpness


def parameters(module):
    return sum(p.numel() for p in module.parameters())


class TestNetworks:
    @pytest.mark.parametrize(("layers", "channels"), [(13, 139), (12, 129)])
    def test_channels_follow_from_depth_and_growth(self, layers, channels):
        assert faces_net.DenseEncoder(layers).channels == channels

    def test_shapes(self):
        net = faces_net.face_vae(generator("t"), layers=2, growth=4, codes=6, size=64, flatten=True, width=32)
        mean, log_variance = net.encoder(torch.zeros(2, 3, 64, 64))
        assert mean.shape == log_variance.shape == (2, 6)
        assert net.decoder(mean).shape == (2, 3, 64, 64)

    def test_sizes_of_the_whole(self):
        encoder = faces_net.DenseEncoder()
        assert parameters(encoder.last) == 139 * 64 * 100 + 100  # 890k weights where the grid is flattened
        assert 0.55e6 < parameters(encoder.features) < 0.62e6
        assert 0.55e6 < parameters(faces_net.Decoder()) < 0.65e6


class TestLipschitz:
    def test_linear_decoder(self):
        """W z has the gradient W' 1 at every z, whatever the Jacobian's own norm."""
        weight = torch.randn(7, 4, generator=generator("w"))
        for _ in range(3):
            found = faces_net.input_gradient(lambda z: z @ weight.T, torch.randn(5, 4))
            torch.testing.assert_close(found, weight.sum(0).norm().expand(5))

    def test_opposite_pixels_cancel(self):
        weight = torch.tensor([[3.0], [-3.0]])
        assert torch.all(faces_net.input_gradient(lambda z: z @ weight.T, torch.randn(2, 1)) == 0)

    def test_penalty_reaches_the_decoder(self):
        """Double backward: the decoder's weights feel the gradient's norm."""
        net = faces_net.face_vae(generator("t"), layers=1, growth=4, codes=3, size=64, flatten=False, width=32)
        x, draws = torch.rand(2, 3, 64, 64), torch.randn(2, 2, 3)
        terms = faces_net.face_loss(net, x, draws[0], draws[1], torch.rand(2, 1), (1.0, 1.0, 0.0))
        terms[2].backward()
        assert net.decoder.first.weight.grad.abs().sum() > 0
        assert net.encoder.last.weight.grad is None, "the points are where they are: the encoder is not moved by them"

    def test_rows_do_not_meet_in_the_decoders_norms(self):
        """What section 6.1 rests on: the gradient of the sum in a row is that of the row's own output."""
        decoder = faces_net.face_vae(generator("r"), layers=1, growth=4, codes=3, size=64, flatten=False, width=32)
        decoder = decoder.decoder.train()
        z = torch.randn(6, 3, generator=generator("z"))
        for _ in range(20):
            decoder(torch.randn(24, 3, generator=generator("z")))  # the running statistics settle
        before = {name: value.clone() for name, value in decoder.state_dict().items()}
        with faces_net.rows_apart(decoder):
            found = faces_net.input_gradient(decoder, z.clone())
            alone = torch.cat([faces_net.input_gradient(decoder, z[k : k + 1].clone()) for k in range(6)])
        torch.testing.assert_close(found, alone)
        assert all(torch.equal(value, before[name]) for name, value in decoder.state_dict().items())
        assert all(part.training for part in decoder.modules())

        def others(points):
            (slope,) = torch.autograd.grad(decoder(points)[0].sum(), points)
            return slope[1:].abs().max()

        with faces_net.rows_apart(decoder):
            assert others(z.clone().requires_grad_()) == 0
        assert others(z.clone().requires_grad_()) > 0.1, "behind the batch's own statistics it is not so"

    def test_the_loss_takes_either_reading_of_the_norms(self):
        net = faces_net.face_vae(generator("t"), layers=1, growth=4, codes=3, size=64, flatten=False, width=32)
        x, draws, alpha = torch.rand(4, 3, 64, 64), torch.randn(2, 4, 3), torch.rand(4, 1)
        found = [faces_net.face_loss(net, x, *draws, alpha, (1.0, 1.0, 0.0), apart=apart) for apart in (False, True)]
        torch.testing.assert_close(found[0][:2], found[1][:2])
        assert abs(float(found[0][2].detach() / found[1][2].detach()) - 1) > 0.05

    def test_reconstruction_is_a_norm_with_a_gradient_at_zero(self):
        x = torch.zeros(1, 3, 64, 64)

        class Fixed(nn.Module):
            def __init__(self):
                super().__init__()
                self.value = nn.Parameter(torch.zeros(1))
                self.encoder = lambda images: (torch.zeros(len(images), 2), torch.zeros(len(images), 2))

            def decoder(self, z):
                return x + self.value + 0 * z.sum()

        net = Fixed()
        error = faces_net.face_loss(net, x, *torch.zeros(2, 1, 2), torch.zeros(1, 1), (1.0, 1.0, 1.0))[0]
        error.backward()
        assert torch.isfinite(net.value.grad).all()
        with torch.no_grad():
            net.value.fill_(0.5)
        error = faces_net.face_loss(net, x, *torch.zeros(2, 1, 2), torch.zeros(1, 1), (1.0, 1.0, 1.0))[0]
        assert float(error.detach()) == pytest.approx(0.5 * (3 * 64 * 64) ** 0.5), "the norm, not its square"


def test_sharpness_is_the_energy_of_steps():
    ramp = torch.linspace(0, 1, 11).expand(2, 3, 11, 11)
    assert sharpness(ramp) == pytest.approx(0.01 / 2)  # steps of 0.1 across, none down
    assert sharpness(torch.full((1, 3, 8, 8), 0.4)) == 0
    noise = torch.rand(1, 3, 64, 64, generator=generator("s"))
    assert sharpness(noise) == pytest.approx(1 / 6, rel=0.05)  # E (u - v)^2 of two uniforms
    assert sharpness(torch.nn.functional.avg_pool2d(noise, 3, 1)) < 0.2 * sharpness(noise)


def test_the_whole_set_is_cut_as_in_the_paper_and_a_subset_by_identity():
    class Whole:
        splits: ClassVar = {"train": np.arange(5), "valid": np.array([8, 6]), "test": np.array([7])}

        def __init__(self, count):
            self.count = count

        def __len__(self):
            return self.count

    cut = split_rows(Whole(202_599))
    assert (cut["train"][0], cut["train"][-1], cut["test"][0], len(cut["test"])) == (0, 181_999, 182_000, 20_599)
    cut = split_rows(Whole(9))
    assert (cut["train"].tolist(), cut["test"].tolist()) == ([0, 1, 2, 3, 4], [6, 7, 8])


def test_the_gap_of_two_digits_is_in_units_of_all_pairs():
    """Means at 0, 3 and 9 on a line: distances 3, 6 and 9."""
    points = np.array([[-1.0], [1.0], [3.0], [9.0]])
    assert gap(points, np.array([0, 0, 6, 8]), 0, 6) == pytest.approx(3 / 6)


class TestBaselines:
    def test_mmd_is_unbiased(self):
        """Two samples of one distribution give 0 on average, where the plain estimate has a floor of 1/n0 + 1/n1."""
        g = generator("m")
        z = torch.randn(400, 64, 10, generator=g)
        u = (torch.rand(400, 64, generator=g) < 0.67).long()
        found = fair.mmd(z, u)
        assert abs(float(found.mean())) < 3 * float(found.std()) / 20

    def test_mmd_of_two_points_per_side(self):
        z = torch.tensor([[[0.0], [1.0], [3.0], [4.0]]])
        u = torch.tensor([[0, 0, 1, 1]])
        k = lambda d: torch.tensor(-d * d / 2.0).exp()  # noqa: E731
        wanted = 2 * k(1) - 2 * (k(3) + k(4) + k(2) + k(3)) / 4
        torch.testing.assert_close(fair.mmd(z, u)[0], wanted)

    def test_information_bound(self):
        u = torch.tensor([[0, 1, 1, 1]])
        sure = 50.0 * torch.nn.functional.one_hot(u, 2).float()
        entropy = -(0.75 * torch.tensor(0.75).log() + 0.25 * torch.tensor(0.25).log())
        torch.testing.assert_close(fair.information_bound(sure, u, 0.75)[0], entropy)
        prior = torch.tensor([0.25, 0.75]).log().expand(1, 4, 2)
        assert float(fair.information_bound(prior, u, 0.75)) == pytest.approx(0, abs=1e-6)

    def test_multipliers_stay_in_range(self):
        multipliers = fair.Multipliers(2)
        with torch.no_grad():
            multipliers.values.copy_(torch.tensor([[-3.0, 500.0], [1.0, 2.0]]))
        multipliers.clip()
        assert multipliers.values.tolist() == [[pytest.approx(0.01), 100.0], [1.0, 2.0]]
        torch.testing.assert_close(multipliers.penalty(torch.ones(2, 2), (0.5, 3.0))[1], torch.tensor(0.5 - 4.0))
