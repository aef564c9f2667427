"""The ranges that weights start in, where inputs and outputs differ in number, and the hybrid critic's features."""

import math

import pytest
import torch
from torch import nn

from common.models.critics import HybridCritic
from common.models.initial import build
from common.models.stacked import StackedLinear


def rows(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_convolutions_start_over_their_outgoing_connections():
    layer = build(lambda: nn.Conv2d(4, 64, 3), rows(0)[0])
    assert float(layer.weight.detach().std()) == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.06)
    bound = 1 / math.sqrt(4 * 9)
    assert 0.8 * bound < float(layer.bias.detach().abs().max()) <= bound


def test_biases_of_a_stack_start_where_those_of_a_linear_layer_do():
    layer = StackedLinear(25, 400, rows(0, 1))
    bound = 1 / math.sqrt(25)
    for values in (layer.weight, layer.bias):
        for member in values.detach():
            assert float(member.abs().max()) <= bound
            assert float(member.std()) == pytest.approx(bound / math.sqrt(3), rel=0.1)
    assert not torch.equal(layer.bias[0], layer.bias[1])


def test_hybrid_features_tell_the_middle_and_the_far_apart():
    critic = HybridCritic(2, 1, [4], rows(0))
    found = critic._features(torch.tensor([[[0.5, -300.0]]]))[0, 0].tolist()
    wanted = [2 * math.tanh(0.25), -2.0, math.asinh(5) / 2, math.asinh(-3000) / 2]
    assert found == pytest.approx(wanted, rel=1e-5)
    assert critic._features(torch.zeros(1, 1, 1)).shape == (1, 1, 4), "the narrower side is padded"
