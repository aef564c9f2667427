import pytest
import torch
from torch import nn

from common.models.stacked import StackedLinear
from common.models.stacked_norm import (
    StackedActivation,
    StackedBatchNorm,
    StackedLayerNorm,
    StackedNarrowLinear,
    stacked_network,
)


def seeds(*numbers):
    return [torch.Generator().manual_seed(n) for n in numbers]


def test_batch_norm_of_a_member_is_torchs_own_with_its_running_statistics():
    torch.manual_seed(0)
    stack, singles = StackedBatchNorm(3, 4), [nn.BatchNorm1d(4) for _ in range(3)]
    with torch.no_grad():
        for k, single in enumerate(singles):
            single.weight.uniform_(0.5, 2), single.bias.normal_()
            stack.weight[k, 0], stack.bias[k, 0] = single.weight, single.bias
    for _ in range(3):
        x = torch.randn(3, 50, 4) * 3 + 1
        copy = x.clone().requires_grad_()
        x.requires_grad_()
        out, alone = stack(x), torch.stack([single(rows) for single, rows in zip(singles, copy, strict=True)])
        torch.testing.assert_close(out, alone, rtol=1e-5, atol=1e-6)
        weights = torch.randn_like(out)
        (out * weights).sum().backward()
        (alone * weights).sum().backward()
        torch.testing.assert_close(x.grad, copy.grad, rtol=1e-4, atol=1e-6)
    for k, single in enumerate(singles):
        torch.testing.assert_close(stack.running_mean[k, 0], single.running_mean)
        torch.testing.assert_close(stack.running_var[k, 0], single.running_var)
        torch.testing.assert_close(stack.weight.grad[k, 0], single.weight.grad, rtol=1e-4, atol=1e-5)
    stack.eval()
    x = torch.randn(3, 5, 4)
    alone = torch.stack([single.eval()(rows) for single, rows in zip(singles, x, strict=True)])
    torch.testing.assert_close(stack(x), alone, rtol=1e-5, atol=1e-6)


def test_batch_norm_of_one_member_does_not_see_the_others():
    stack = StackedBatchNorm(2, 3)
    x = torch.randn(2, 10, 3)
    spoilt = x.clone()
    spoilt[1] = float("nan")
    assert torch.equal(stack(x)[0], StackedBatchNorm(2, 3)(spoilt)[0])


def test_batch_norm_refuses_a_single_row():
    with pytest.raises(ValueError, match="more than one row"):
        StackedBatchNorm(2, 3)(torch.randn(2, 1, 3))


def test_layer_norm_of_a_member_is_torchs_own():
    stack, single = StackedLayerNorm(2, 6), nn.LayerNorm(6)
    x = torch.randn(2, 7, 6)
    torch.testing.assert_close(stack(x)[1], single(x[1]))


@pytest.mark.parametrize("norm", [None, "batch", "layer"])
def test_member_of_a_network_is_the_network_alone(norm):
    x = torch.randn(3, 20, 4)
    block = stacked_network((4, 16, 16, 2), seeds(1, 2, 3), norm=norm)
    alone = stacked_network((4, 16, 16, 2), seeds(2), norm=norm)
    # the batched product may sum in another order: stated tolerance 1e-5
    torch.testing.assert_close(block(x)[1], alone(x[1:2])[0], rtol=1e-5, atol=1e-6)


def test_a_narrow_layer_is_the_plain_one():
    narrow, plain = StackedNarrowLinear(7, 2, seeds(1, 2)), StackedLinear(7, 2, seeds(1, 2))
    x, probe = torch.randn(2, 9, 7, requires_grad=True), torch.randn(2, 9, 2)
    torch.testing.assert_close(narrow(x), plain(x), rtol=1e-5, atol=1e-6)
    grads = []
    for layer in (narrow, plain):
        x.grad = None
        (layer(x) * probe).sum().backward()
        grads.append(x.grad)
    torch.testing.assert_close(*grads, rtol=1e-5, atol=1e-6)
    with torch.autocast("cpu", torch.bfloat16):
        assert narrow(x.bfloat16()).dtype == torch.float32
    torch.testing.assert_close(narrow.weight.grad, plain.weight.grad, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(narrow.bias.grad, plain.bias.grad, rtol=1e-5, atol=1e-6)


def test_a_network_ends_with_a_plain_layer():
    layers = list(stacked_network((4, 8, 2), seeds(0), "tanh", "batch"))
    assert [type(layer).__name__ for layer in layers][1:3] == ["StackedBatchNorm", "StackedActivation"]
    assert isinstance(layers[2], StackedActivation)
    assert len(layers) == 4
