import math

import pytest
import torch

from common.models import stacked
from common.models.stacked import StackedJointCritic, StackedLinear, StackedMLP, member_state


def generators(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_initial_range_is_that_of_a_plain_linear_layer():
    layer = StackedLinear(50, 400, generators(0, 1))
    bound = 1 / math.sqrt(50)
    assert layer.weight.abs().max() <= bound
    assert float(layer.weight.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert layer.bias.abs().max() <= bound


def test_a_member_does_not_depend_on_its_neighbours():
    alone = StackedMLP([5, 8, 3], generators(7), "tanh", "tanh")
    among = StackedMLP([5, 8, 3], generators(1, 7, 2), "tanh", "tanh")
    for name, value in alone.state_dict().items():
        assert torch.equal(value[0], among.state_dict()[name][1])


def test_a_stack_equals_plain_networks():
    stack = StackedMLP([4, 6, 2], generators(0, 1, 2), "relu")
    x = torch.randn(3, 10, 4)
    out = stack(x)
    for k in range(3):
        plain = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2))
        with torch.no_grad():
            for layer, stacked in zip((plain[0], plain[2]), stack.layers, strict=True):
                layer.weight.copy_(stacked.weight[k].T)
                layer.bias.copy_(stacked.bias[k, 0])
        torch.testing.assert_close(out[k], plain(x[k]), rtol=1e-5, atol=1e-6)


def test_members_one_by_one_give_the_same_values_and_gradients(monkeypatch):
    stack = StackedMLP([4, 6, 5, 2], generators(0, 1, 2), "tanh")
    x = torch.randn(3, 10, 4)
    found = {}
    for long in (11, 10):  # batched, then one by one
        monkeypatch.setattr(stacked, "LONG", long)
        stack.zero_grad()
        out = stack(x)
        out.square().sum().backward()
        found[long] = [out, *(p.grad.clone() for p in stack.parameters())]
    for a, b in zip(found[11], found[10], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_a_nan_member_leaves_the_others_alone():
    stack = StackedMLP([4, 6, 1], generators(0, 1), "relu")
    x = torch.randn(2, 10, 4)
    healthy = StackedMLP([4, 6, 1], generators(1), "relu")
    with torch.no_grad():
        stack.layers[0].weight[0] = math.nan
    stack(x).sum((1, 2)).sum().backward()
    healthy(x[1:]).sum().backward()
    assert torch.isnan(stack.layers[1].weight.grad[0]).any()
    for layer, other in zip(stack.layers, healthy.layers, strict=True):
        torch.testing.assert_close(layer.weight.grad[1], other.weight.grad[0])


def test_scores_are_fp32_in_any_precision():
    critic = StackedJointCritic(3, 2, [8], generators(0))
    with torch.autocast("cpu", torch.bfloat16):
        scores = critic(torch.randn(1, 5, 3), torch.randn(1, 5, 2))
    assert scores.shape == (1, 5)
    assert scores.dtype == torch.float32


def test_a_members_state_is_a_model_alone():
    stack, alone = StackedMLP([2, 3, 1], generators(0, 1)), StackedMLP([2, 3, 1], generators(2))
    alone.load_state_dict({name: value[None] for name, value in member_state(stack, 1).items()})
    for own, other in zip(alone.parameters(), stack.parameters(), strict=True):
        assert torch.equal(own[0], other[1])
