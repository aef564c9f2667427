"""First weights: all of them from the generator, none from torch's own, whatever the layer."""

import pytest
import torch
from torch import nn

from common.models.initial import build


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def network():
    return nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ConvTranspose2d(5, 4, 4, stride=2), nn.Flatten(), nn.Linear(9, 2)
    )


def test_the_start_is_the_generators_alone():
    torch.manual_seed(1)
    one = build(network, draws()).state_dict()
    torch.manual_seed(2)
    before = torch.get_rng_state()
    other = build(network, draws()).state_dict()
    assert torch.equal(torch.get_rng_state(), before), "torch's own generator is left as it was"
    for key in one:
        assert torch.equal(one[key], other[key]), key
    moved = build(network, draws(3)).state_dict()
    assert not torch.equal(one["2.weight"], moved["2.weight"])


def test_transposed_convolutions_start_as_torchs_own():
    """Uniform within one over the root of torch's fan-in, weights and biases."""
    torch.manual_seed(0)
    theirs, ours = (
        net.weight.detach()
        for net in (nn.ConvTranspose2d(64, 32, 3), build(lambda: nn.ConvTranspose2d(64, 32, 3), draws()))
    )
    assert float(ours.abs().max()) == pytest.approx(float(theirs.abs().max()), rel=1e-2)
    assert float(ours.std()) == pytest.approx(float(theirs.std()), rel=2e-2)
    assert float(build(lambda: nn.ConvTranspose2d(64, 32, 3), draws()).bias.detach().abs().max()) <= 1 / (32 * 9) ** 0.5


def test_a_layer_without_a_known_start_is_refused():
    with pytest.raises(ValueError, match="no start from a seed is known for Embedding"):
        build(lambda: nn.Sequential(nn.Embedding(3, 2)), draws())
