"""The fused kernel of bf16 critics against autograd's fp32, no further from it than autocast's own rounding."""

from types import SimpleNamespace

import pytest
import torch

from common.estimators.critic_fit import CriticFit
from common.estimators.pairs import PairTable
from common.losses.climb import RemineObjective
from common.models import fused
from common.models.backprop import Backprop
from common.models.stacked import StackedJointCritic
from common.training import kernel

fits = pytest.mark.skipif(not kernel.suits(), reason="this processor has no bf16 dot products, or has matrix units")


@pytest.fixture
def built():
    library = kernel.library()
    assert library is not None, "the kernel did not build; the line above says why"
    fused.use(library)
    yield library
    fused.use(None)


def critic_of(members, hidden, d_x=4, d_y=2):
    return StackedJointCritic(d_x, d_y, hidden, [torch.Generator().manual_seed(s) for s in range(members)], "relu")


def gradients(critic):
    return torch.cat([p.grad.flatten() for p in critic.parameters()])


def written_out(critic, x, y, slopes):
    for p in critic.parameters():
        p.grad = torch.full_like(p, float("nan"))  # what is not written would show
    hand = Backprop(critic, torch.bfloat16)
    hand.inputs(x.shape[1]).copy_(torch.cat([x, y], -1))
    scores = hand.forward().clone()
    hand.backward(slopes)
    return scores, gradients(critic)


@fits
@pytest.mark.parametrize("rows", [1, 2, 3, 65, 257])  # odd pairs, blocks that are not full
@pytest.mark.parametrize("hidden", [(16,), (15, 12), (8, 8, 8), (100, 100), (150,), (112, 7)])
@pytest.mark.parametrize("d_x", [4, 5])  # inputs that come in pairs, and that do not
def test_scores_and_gradients_are_those_of_autograd(built, hidden, rows, d_x):
    critic = critic_of(2, hidden, d_x)
    x, y, slopes = (torch.randn(2, rows, d, generator=torch.Generator().manual_seed(d)) for d in (d_x, 2, 1))
    slopes = slopes.squeeze(-1)
    wanted_scores = critic(x, y)
    (wanted_scores * slopes).sum().backward()
    wanted = gradients(critic)
    critic.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        rounded_scores = critic(x, y)
        (rounded_scores * slopes).sum().backward()
    rounded = gradients(critic)
    scores, found = written_out(critic, x, y, slopes)
    assert (scores - wanted_scores).norm() <= 1.1 * (rounded_scores - wanted_scores).norm() + 1e-3
    assert (found - wanted).norm() <= 1.1 * (rounded - wanted).norm() + 1e-3 * wanted.norm()


@fits
def test_products_of_numbers_that_bf16_holds_are_exact(built):
    critic = critic_of(1, (6, 5))
    with torch.no_grad():
        for p in critic.parameters():
            p.copy_(torch.randint(-2, 3, p.shape, generator=torch.Generator().manual_seed(p.numel())).float())
    x, y = torch.randint(-3, 4, (1, 70, 4)).float(), torch.randint(-3, 4, (1, 70, 2)).float()
    slopes = torch.randint(-2, 3, (1, 70)).float()
    scores = critic(x, y)
    (scores * slopes).sum().backward()
    wanted = gradients(critic)
    found_scores, found = written_out(critic, x, y, slopes)
    assert torch.equal(found_scores, scores.detach())
    assert torch.equal(found, wanted)


@fits
def test_a_member_is_the_same_whoever_shares_its_stack(built):
    x, y, slopes = torch.randn(3, 40, 4), torch.randn(3, 40, 2), torch.randn(3, 40)
    whole = critic_of(3, (16, 12))
    scores, _ = written_out(whole, x, y, slopes)
    alone = StackedJointCritic(4, 2, (16, 12), [torch.Generator().manual_seed(1)], "relu")
    own, _ = written_out(alone, x[1:2], y[1:2], slopes[1:2])
    assert torch.equal(scores[1:2], own)
    for many, one in zip(whole.parameters(), alone.parameters(), strict=True):
        assert torch.equal(many.grad[1:2], one.grad)


@fits
def test_nan_is_handed_on_and_not_made_nought(built):
    critic = critic_of(1, (16, 12))
    x, y = torch.randn(1, 20, 4), torch.randn(1, 20, 2)
    x[0, 7, 2] = float("nan")
    scores, found = written_out(critic, x, y, torch.ones(1, 20))
    assert torch.isnan(scores[0, 7])
    assert torch.isfinite(scores[0, :7]).all()
    assert torch.isnan(found).any()


@fits
@pytest.mark.parametrize("shared", [False, True])  # a data set per member, or one for all
def test_pairs_are_filled_as_without_it(built, shared):
    x, y = torch.randn(1 if shared else 3, 90, 4), torch.randn(1 if shared else 3, 90, 3)
    x, y = (v.expand(3, -1, -1) for v in (x, y)) if shared else (x, y)
    rows, partners = torch.randint(0, 90, (3, 50)), torch.randint(0, 90, (3, 50))
    found, wanted = (torch.full((3, 100, 8), 7.0, dtype=torch.bfloat16)[..., :7] for _ in range(2))
    PairTable(x, y, torch.bfloat16).fill(found, rows, partners)
    fused.use(None)
    PairTable(x, y, torch.bfloat16).fill(wanted, rows, partners)
    assert torch.equal(found, wanted)


@fits
def test_a_fit_learns_what_it_learns_without(built):
    x = torch.randn(2, 4000, 1, generator=torch.Generator().manual_seed(0))
    y = 0.9 * x + (1 - 0.81) ** 0.5 * torch.randn(2, 4000, 1, generator=torch.Generator().manual_seed(1))

    def learnt():
        critic = StackedJointCritic(1, 1, (32, 32), [torch.Generator().manual_seed(s) for s in (2, 3)], "relu")
        draws = [torch.Generator().manual_seed(s) for s in (4, 5)]
        fit = CriticFit(x, y, critic, RemineObjective(), batch=1000, lr=5e-3, generators=draws, autocast=torch.bfloat16)
        return fit.train(40).values[:, -10:].mean(1)

    with_it = learnt()
    fused.use(None)
    torch.testing.assert_close(with_it, learnt(), atol=0.02, rtol=0)  # the truth is 0.83 nats


def test_parameters_that_the_kernel_cannot_read_are_refused():
    critic = critic_of(1, (16,))
    critic.network.layers[0].weight.data = critic.network.layers[0].weight.data.double()
    member = fused.Member(
        SimpleNamespace(critic_forward=lambda *_: 0), critic.network.layers, torch.zeros(4, 8, dtype=torch.bfloat16), 0
    )
    with pytest.raises(ValueError, match="contiguous fp32"):
        member.forward()


def test_a_kernel_without_memory_says_so():
    layers = critic_of(1, (16,)).network.layers
    full = SimpleNamespace(critic_forward=lambda *_: 1)
    member = fused.Member(full, layers, torch.zeros(4, 8, dtype=torch.bfloat16), 0)
    with pytest.raises(MemoryError, match="buffers"):
        member.forward()
