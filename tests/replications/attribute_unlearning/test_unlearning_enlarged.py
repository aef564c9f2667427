"""A convolution before the enlargement is the one after it."""

import pytest
import torch
from torch.nn.functional import conv2d, interpolate

from replications.attribute_unlearning import networks
from replications.attribute_unlearning.enlarged import EnlargedConv2d, shifted


@pytest.mark.parametrize(
    ("height", "width", "side", "kernel"), [(7, 7, 56, 3), (4, 5, 9, 3), (8, 8, 8, 3), (2, 1, 6, 5), (3, 3, 2, 3)]
)
def test_it_is_the_convolution_of_the_enlarged_image_with_its_slopes(height, width, side, kernel):
    torch.manual_seed(0)
    conv = EnlargedConv2d(3, 4, kernel, side)
    h = torch.randn(2, 3, height, width, requires_grad=True)
    plain = conv2d(interpolate(h, (side, side), mode="bilinear", align_corners=True), conv.weight, padding=kernel // 2)
    found = conv(h)
    torch.testing.assert_close(found, plain, rtol=1e-4, atol=1e-5)
    slope = torch.randn_like(plain)
    for one, other in zip(
        torch.autograd.grad(found, (h, conv.weight), slope),
        torch.autograd.grad(plain, (h, conv.weight), slope),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_by_hand_two_pixels_become_three():
    found = shifted(2, 3, 3, torch.device("cpu"))
    assert found[1].tolist() == [[1, 0], [0.5, 0.5], [0, 1]]  # the middle pixel lies half way
    assert found[0].tolist() == [[0, 0], [1, 0], [0.5, 0.5]]  # what the pixel above has, nought above the first
    assert found[2].tolist() == [[0.5, 0.5], [0, 1], [0, 0]]


def test_under_bf16_the_enlargement_itself_is_not_rounded():
    conv = EnlargedConv2d(1, 1, 1, 5)
    torch.nn.init.ones_(conv.weight)
    with torch.autocast("cpu", torch.bfloat16):
        found = conv(torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]]))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found[0, 0, 0], torch.linspace(0, 1, 5))


@pytest.mark.parametrize(("inside", "side"), [(7, 56), (8, 16), (5, 12), (4, 4)])
def test_figure_4_s_decoder_doubles_sides_until_they_are_the_image_s(inside, side):
    net = networks.Rebuilder(40, inside, side)
    assert net(torch.rand(2, 40, inside, inside)).shape == (2, 3, side, side)
    widths = [layer.out_channels for layer in net.layers if isinstance(layer, torch.nn.Conv2d)]
    assert widths == [20, 16, 16][: len(widths)]
    assert inside * 2 ** len(widths) in range(side, 2 * side)
