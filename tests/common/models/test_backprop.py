"""The written-out pass of a critic against autograd's, member by member."""

import pytest
import torch

from common.estimators.optimiser import FlatAdam
from common.models.backprop import Backprop, can_write_out
from common.models.stacked import LONG, StackedJointCritic


def critic_of(members, hidden=(16, 12), activation="relu"):
    return StackedJointCritic(4, 2, hidden, [torch.Generator().manual_seed(s) for s in range(members)], activation)


def batch_of(members, rows=30):
    generator = torch.Generator().manual_seed(9)
    return tuple(torch.randn(members, rows, d, generator=generator) for d in (4, 2))


def run(hand, x, y):
    hand.inputs(x.shape[1]).copy_(torch.cat([x, y], -1))
    return hand.forward()


def gradients(critic):
    return [p.grad.clone() for p in critic.parameters()]


@pytest.mark.parametrize("rows", [30, LONG])  # one batched product, and member by member
@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("hidden", [(16,), (16, 12), (8, 8, 8)])
def test_scores_and_gradients_are_those_of_autograd(members, hidden, rows):
    critic, (x, y) = critic_of(members, hidden), batch_of(members, rows)
    slopes = torch.randn(members, rows, generator=torch.Generator().manual_seed(3))
    scores = critic(x, y)
    (scores * slopes).sum().backward()
    wanted = gradients(critic)
    hand = Backprop(critic)
    for p in critic.parameters():
        p.grad.fill_(float("nan"))  # what is not written would show
    torch.testing.assert_close(run(hand, x, y), scores.detach(), rtol=1e-5, atol=1e-6)
    hand.backward(slopes)
    for found, want in zip(gradients(critic), wanted, strict=True):
        torch.testing.assert_close(found, want, rtol=1e-4, atol=1e-6 * rows)


@pytest.mark.parametrize("rows", [30, 600, LONG])  # the last layer as a sum, as a product, member by member
def test_bf16_products_err_no_more_than_autocast_does(rows):
    critic, (x, y) = critic_of(2), batch_of(2, rows)
    critic(x, y).sum().backward()
    wanted = gradients(critic)
    critic.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        critic(x, y).sum().backward()
    rounded = gradients(critic)
    hand = Backprop(critic, torch.bfloat16)
    scores = run(hand, x, y)
    assert scores.dtype == torch.float32
    hand.backward(torch.ones(2, rows))
    for found, other, want in zip(gradients(critic), rounded, wanted, strict=True):
        assert (found - want).norm() <= 1.1 * (other - want).norm() + 1e-6 * want.norm()


def test_buffers_follow_the_shape_of_the_batch():
    critic = critic_of(2)
    FlatAdam(critic, 1e-3)  # gives every parameter its gradient
    hand = Backprop(critic)
    for rows in (30, 7, 30):
        x, y = batch_of(2, rows)
        torch.testing.assert_close(run(hand, x, y), critic(x, y).detach(), rtol=1e-5, atol=1e-6)


def test_only_relu_critics_on_a_cpu_are_written_out():
    cpu = torch.device("cpu")
    assert can_write_out(critic_of(1), cpu)
    assert not can_write_out(critic_of(1, activation="tanh"), cpu)
    assert not can_write_out(critic_of(1), torch.device("cuda"))
    assert not can_write_out(torch.nn.Linear(2, 1), cpu)
