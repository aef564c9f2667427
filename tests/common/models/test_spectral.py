import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from common.models.plain_conv import plain_conv_encoder
from common.models.spectral import spectral_conv2d


@pytest.mark.parametrize(("side", "kernel"), [(28, 7), (9, 5), (8, 3), (6, 1), (7, 7)])
def test_it_is_the_direct_convolution_with_its_gradients(side, kernel):
    torch.manual_seed(0)
    x = torch.randn(3, 4, side, side, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, 4, kernel, kernel, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(6, dtype=torch.float64, requires_grad=True)
    ours = spectral_conv2d(x.permute(2, 3, 0, 1), weight, bias).permute(2, 3, 0, 1)
    direct = conv2d(x, weight, bias, padding=kernel // 2)
    torch.testing.assert_close(ours, direct, rtol=1e-12, atol=1e-12)
    probe = torch.randn_like(direct)
    got, wanted = (torch.autograd.grad((out * probe).sum(), (x, weight, bias)) for out in (ours, direct))
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)


def test_gradients_by_finite_differences():
    torch.manual_seed(1)
    x = torch.randn(4, 4, 2, 2, dtype=torch.float64, requires_grad=True)
    weight, bias = (torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in ((3, 2, 3, 3), (3,)))
    assert torch.autograd.gradcheck(spectral_conv2d, (x, weight, bias))


def test_in_single_precision_it_is_as_exact_as_the_direct_sum():
    torch.manual_seed(2)
    x, layer = torch.rand(20, 16, 28, 28), nn.Conv2d(16, 8, 7, padding=3)  # rand: a mean like that behind a ReLU
    exact = layer.double()(x.double())
    layer.float()
    ours = spectral_conv2d(x.permute(2, 3, 0, 1), layer.weight, layer.bias).permute(2, 3, 0, 1)
    direct = layer(x)
    scale = exact.abs().max()
    assert (ours - exact).abs().max() / scale < 2e-6
    assert (ours - exact).abs().max() < 10 * (direct - exact).abs().max() + 1e-6 * scale


def test_without_bias_and_without_a_gradient_for_the_images():
    x, weight = torch.randn(8, 8, 2, 3), torch.randn(4, 3, 5, 5, requires_grad=True)
    out = spectral_conv2d(x, weight)
    out.square().sum().backward()
    direct = conv2d(x.permute(2, 3, 0, 1), weight.detach().requires_grad_(), padding=2)
    torch.testing.assert_close(out.permute(2, 3, 0, 1), direct, rtol=1e-4, atol=1e-4)
    assert weight.grad is not None


def test_it_stays_in_single_precision_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        assert spectral_conv2d(torch.randn(8, 8, 2, 3).bfloat16(), torch.randn(4, 3, 5, 5)).dtype == torch.float32


def test_shapes_it_is_not_made_for():
    with pytest.raises(ValueError, match="square images"):
        spectral_conv2d(torch.randn(8, 7, 2, 3), torch.randn(4, 3, 5, 5))
    with pytest.raises(ValueError, match="odd square kernel for 3 channels"):
        spectral_conv2d(torch.randn(8, 8, 2, 3), torch.randn(4, 3, 4, 4))


@pytest.mark.parametrize("training", [True, False])
def test_the_encoder_is_the_same_by_spectra_and_directly(training):
    net = plain_conv_encoder(torch.Generator().manual_seed(0), channels=(4, 8, 8), last="tanh").train(training)
    twin = plain_conv_encoder(torch.Generator().manual_seed(0), channels=(4, 8, 8), last="tanh").train(training)
    twin.by_spectra = lambda x: False
    x = torch.randn(6, 3, 28, 28)
    assert net.by_spectra(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert not net.by_spectra(x), "reduced precision is asked for: the direct convolution has it"
    ours, direct = net(x), twin(x)
    torch.testing.assert_close(ours, direct, rtol=1e-4, atol=1e-5)
    for out in (ours, direct):
        out.square().sum().backward()
    for (name, a), b in zip(net.named_parameters(), twin.parameters(), strict=True):
        if name.endswith("weight"):
            torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-4 * b.grad.abs().max().item(), msg=name)
    for a, b in zip(net.buffers(), twin.buffers(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
