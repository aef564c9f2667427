import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from common.models.initial import linear
from common.models.plain_conv import plain_conv_encoder
from common.models.residual import ResNet
from common.models.resnet import STAGES, resnet_encoder


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def count(module):
    return sum(p.numel() for p in module.parameters())


def multiply_adds(module, x):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(x)
    return counter.get_total_flops() / 2


def test_the_biased_mnist_network_has_its_published_size():
    encoder, head = plain_conv_encoder(seeded(), last="tanh"), linear(128, 10, seeded())
    assert count(encoder) + count(head) == 531_210
    image = torch.randn(1, 3, 28, 28)
    encoder.by_spectra = lambda x: False
    assert multiply_adds(nn.Sequential(encoder, head), image) == pytest.approx(414.9e6, rel=1e-3)
    assert encoder(image.expand(2, -1, -1, -1)).abs().max() <= 1
    small = plain_conv_encoder(seeded(), kernel=1)
    assert count(small) + count(linear(128, 10, seeded())) == 12_810


def test_the_last_activation_is_a_choice():
    assert plain_conv_encoder(seeded(), last="relu")(torch.randn(2, 3, 28, 28)).min() >= 0


def test_weights_come_from_the_generator_alone():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = plain_conv_encoder(seeded(5), channels=(4, 8))
    assert torch.equal(torch.get_rng_state(), state), "torch's own generator is left alone"
    torch.manual_seed(2)
    again, other = plain_conv_encoder(seeded(5), channels=(4, 8)), plain_conv_encoder(seeded(6), channels=(4, 8))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.layers[0].weight, other.layers[0].weight)


def test_convolutions_start_kaiming_normal_over_the_outgoing_connections():
    weight = plain_conv_encoder(seeded()).layers[9].weight
    assert weight.std().item() == pytest.approx((2 / (128 * 49)) ** 0.5, rel=0.02)


# torchvision's models have 11,689,512 / 21,797,672 / 25,557,032 parameters: less the head, less and plus the stem
@pytest.mark.parametrize(
    ("depth", "width", "whole"), [(18, 512, 11_689_512), (34, 512, 21_797_672), (50, 2048, 25_557_032)]
)
def test_resnets_have_their_sizes(depth, width, whole):
    head, stems = 1000 * (width + 1), 64 * 3 * 49 - 64 * 3 * 9
    net = resnet_encoder(seeded(), depth)
    assert net.width == width
    assert count(net) == whole - head - stems
    if depth == 18:
        assert count(resnet_encoder(seeded(), depth, "imagenet")) == whole - head


def test_the_cifar_stem_keeps_the_resolution_and_costs_what_is_known():
    net = resnet_encoder(seeded(), 18)
    image = torch.randn(1, 3, 32, 32)
    assert net.until(image, "stage1").shape == (1, 64, 32, 32)
    assert multiply_adds(net.eval(), image) == pytest.approx(
        0.5558e9, rel=1e-3
    )  # the usual CIFAR ResNet-18, less its head


@pytest.mark.parametrize("stage", STAGES)
def test_a_split_network_is_the_network(stage):
    net = resnet_encoder(seeded(), 18).eval()
    x = torch.randn(2, 3, 16, 16)
    assert torch.equal(net.after(net.until(x, stage), stage), net(x))
    below, above = net.parts(stage)
    assert count(below) + count(above) == count(net)


def test_unknown_depth_and_stem():
    with pytest.raises(ValueError, match="18, 34, 50, got 19"):
        resnet_encoder(seeded(), 19)
    with pytest.raises(ValueError, match="cifar or imagenet"):
        resnet_encoder(seeded(), 18, "tiny")


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_residual_networks_are_torchvisions(depth):
    from common.models.vision import models

    torch.manual_seed(3)
    ours = ResNet(depth)
    torch.manual_seed(3)
    theirs = getattr(models, f"resnet{depth}")()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    x = torch.randn(2, 3, 64, 64)
    assert torch.equal(ours(x), theirs(x))
    ours.eval(), theirs.eval()
    assert torch.equal(ours(x), theirs(x)), "the running statistics are theirs too"
