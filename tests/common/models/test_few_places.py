"""A convolution as one matrix product is the library's, in value, slopes and slopes of slopes."""

import pytest
import torch
from torch import nn

from common.models import few_places
from common.models.few_places import FewPlacesConv2d, convolve, hasten_few_places
from common.training.arrange import arrange
from common.training.machine import Machine

SHAPES = [  # kernel, stride, padding, height, width
    ((3, 3), (1, 1), (1, 1), 2, 2),
    ((3, 3), (1, 1), (1, 1), 1, 1),
    ((3, 3), (2, 2), (1, 1), 4, 4),
    ((3, 3), (2, 2), (1, 1), 3, 4),
    ((1, 1), (2, 2), (0, 0), 4, 3),
    ((1, 1), (1, 1), (0, 0), 2, 2),
    ((5, 3), (2, 1), (2, 0), 4, 3),
    ((2, 3), (1, 2), (0, 2), 2, 3),
]


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


@pytest.mark.parametrize(("size", "stride", "padding", "height", "width"), SHAPES)
def test_values_and_slopes_are_those_of_torch(size, stride, padding, height, width):
    x, weight = random(5, 3, height, width).requires_grad_(), random(4, 3, *size).requires_grad_()
    expected = nn.functional.conv2d(x, weight, None, stride, padding)
    found = convolve(x, weight, stride, padding)
    torch.testing.assert_close(found, expected)
    slope = random(*expected.shape)
    for own, theirs in zip(*(torch.autograd.grad(y, (x, weight), slope) for y in (found, expected)), strict=True):
        torch.testing.assert_close(own, theirs)


def test_by_hand_for_one_pixel():
    # one image of one pixel under a 3x3 kernel: only the middle tap meets it
    x, weight = torch.full((1, 1, 1, 1), 3.0), torch.arange(9.0).view(1, 1, 3, 3).requires_grad_()
    found = convolve(x, weight, (1, 1), (1, 1))
    found.backward(torch.full((1, 1, 1, 1), 2.0))
    assert found.item() == 12
    assert weight.grad.tolist() == [[[[0, 0, 0], [0, 6, 0], [0, 0, 0]]]]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_network_learns_the_same_either_way(layout):
    def slopes(hasten):
        torch.manual_seed(0)
        conv = [
            nn.Conv2d(3, 8, 3, 2, 1, bias=False),
            nn.Conv2d(8, 8, 3, 1, 1, bias=False),
            nn.Conv2d(8, 2, 1, bias=False),
        ]
        net = nn.Sequential(*conv).to(memory_format=layout)
        if hasten:
            hasten_few_places(net)
        x = torch.randn(6, 3, 4, 4).requires_grad_()
        net(x).square().sum().backward()
        return [x.grad, *(p.grad for p in net.parameters())]

    for found, expected in zip(slopes(True), slopes(False), strict=True):
        torch.testing.assert_close(found, expected)


def test_slopes_of_slopes_are_those_of_torch():
    def second(kind):
        torch.manual_seed(0)
        conv = kind(2, 3, 3, 1, 1, bias=False)
        x = torch.randn(4, 2, 2, 2).requires_grad_()
        to_x, to_weight = torch.autograd.grad(conv(x).square().sum(), (x, conv.weight), create_graph=True)
        return torch.autograd.grad(to_x.square().sum() + to_weight.square().sum(), (x, conv.weight))

    for found, expected in zip(second(FewPlacesConv2d), second(nn.Conv2d), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize(
    ("options", "side", "taken"),
    [
        ({"padding": 1}, 2, True),
        ({"padding": 1, "stride": 2}, 4, True),
        ({"padding": 1}, 3, False),
        ({"padding": "same"}, 2, False),
        ({"padding": 1, "padding_mode": "circular"}, 2, False),
        ({"padding": 2, "dilation": 2}, 2, False),
        ({"padding": 1, "groups": 2}, 2, False),
        ({"padding": 1, "bias": True}, 2, False),
    ],
)
def test_only_where_few_places_are_left(monkeypatch, options, side, taken):
    calls = []
    monkeypatch.setattr(few_places, "convolve", lambda *a: calls.append(1) or convolve(*a))
    conv = FewPlacesConv2d(2, 2, 3, **{"bias": False, **options})
    conv(torch.randn(2, 2, side, side)).sum().backward()
    assert bool(calls) is taken


def test_a_kernel_larger_than_the_padded_image_is_refused_as_by_torch():
    with pytest.raises(RuntimeError, match="Kernel size"):
        FewPlacesConv2d(2, 2, 3, bias=False)(torch.randn(1, 2, 2, 2))


def test_in_fp32_on_a_cpu_a_model_is_hastened_and_keeps_its_weights():
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    arranged = arrange(net, Machine(torch.device("cpu"), None))
    assert type(arranged[0]) is FewPlacesConv2d
    assert all(torch.equal(value, before[name]) for name, value in arranged.state_dict().items())
