"""The written-out pass of a critic against autograd's, member by member."""

import pytest
import torch

from common.models.backprop import Backprop, can_write_out
from common.models.stacked import LONG, StackedJointCritic


def critic_of(members, hidden=(16, 12), activation="relu"):
    return StackedJointCritic(4, 2, hidden, [torch.Generator().manual_seed(s) for s in range(members)], activation)


def batch_of(members, rows=30):
    generator = torch.Generator().manual_seed(9)
    return tuple(torch.randn(members, rows, d, generator=generator) for d in (4, 2))


def gradients(critic):
    return [p.grad.clone() for p in critic.parameters()]


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("hidden", [(16,), (16, 12), (8, 8, 8)])
def test_scores_and_gradients_are_those_of_autograd(members, hidden):
    critic, (x, y) = critic_of(members, hidden), batch_of(members)
    slopes = torch.randn(members, 30, generator=torch.Generator().manual_seed(3))
    scores = critic(x, y)
    (scores * slopes).sum().backward()
    wanted = gradients(critic)
    for p in critic.parameters():
        p.grad.fill_(float("nan"))  # what is not written would show
    hand = Backprop(critic)
    torch.testing.assert_close(hand.forward(x, y), scores.detach(), rtol=1e-5, atol=1e-6)
    hand.backward(slopes)
    for found, want in zip(gradients(critic), wanted, strict=True):
        torch.testing.assert_close(found, want, rtol=1e-4, atol=1e-5)


def test_bf16_products_stay_within_their_own_rounding():
    critic, (x, y) = critic_of(2), batch_of(2)
    critic(x, y).sum().backward()
    wanted = gradients(critic)
    hand = Backprop(critic, torch.bfloat16)
    scores = hand.forward(x, y)
    assert scores.dtype == torch.float32
    hand.backward(torch.ones(2, 30))
    for found, want in zip(gradients(critic), wanted, strict=True):
        torch.testing.assert_close(found, want, rtol=0, atol=0.02 * want.abs().max().item())


def test_buffers_follow_the_shape_of_the_batch():
    critic = critic_of(2)
    hand = Backprop(critic)
    for rows in (30, 7, 30):
        x, y = batch_of(2, rows)
        torch.testing.assert_close(hand.forward(x, y), critic(x, y).detach(), rtol=1e-5, atol=1e-6)


def test_only_short_relu_critics_on_a_cpu_are_written_out():
    cpu = torch.device("cpu")
    assert can_write_out(critic_of(1), 200, cpu)
    assert not can_write_out(critic_of(1), LONG, cpu)
    assert not can_write_out(critic_of(1, activation="tanh"), 200, cpu)
    assert not can_write_out(critic_of(1), 200, torch.device("cuda"))
    assert not can_write_out(torch.nn.Linear(2, 1), 200, cpu)
