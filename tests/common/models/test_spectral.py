"""Convolution through spectra: torch's own convolution is the known answer, gradients included."""

import pytest
import torch
from torch import nn

from common.models.plain_conv import plain_conv_encoder
from common.models.spectral import SpectralConv2d, suits, use_spectral


@pytest.mark.parametrize(("kernel", "size"), [(7, (28, 28)), (7, (14, 14)), (5, (9, 12)), (7, (4, 5))])
def test_equals_the_direct_convolution_and_its_gradients(kernel, size):
    torch.manual_seed(0)
    layer = nn.Conv2d(2, 5, kernel, padding=kernel // 2, dtype=torch.float64)
    x = torch.randn(3, 2, *size, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(3, 5, *size, dtype=torch.float64)
    wanted = torch.autograd.grad((layer(x) * weights).sum(), [x, *layer.parameters()])
    use_spectral(layer)
    assert type(layer) is SpectralConv2d
    found = torch.autograd.grad((layer(x) * weights).sum(), [x, *layer.parameters()])
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)


def test_the_network_keeps_its_parameters_and_its_features():
    net = plain_conv_encoder(torch.Generator().manual_seed(0), last="tanh").eval()
    x = torch.randn(2, 3, 28, 28, generator=torch.Generator().manual_seed(1))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with torch.no_grad():
        wanted = net(x)
        found = use_spectral(net)(x)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(2, 2, 3, padding=1),
        nn.Conv2d(2, 2, 7, padding=3, stride=2),
        nn.Conv2d(2, 2, 7),
        nn.Conv2d(2, 2, 7, padding=3, bias=False),
        nn.Conv2d(2, 2, 7, padding=3, groups=2),
        nn.Conv2d(2, 2, (7, 5), padding=(3, 2)),
    ],
)
def test_other_convolutions_stay_as_they_are(layer):
    assert not suits(layer)
    assert type(use_spectral(layer)) is nn.Conv2d
