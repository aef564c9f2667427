import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from common.training.routing import Route, full_precision, reached, reverse_gradient, send


def three_parts():
    """Return encoder F, task head G, private head H and a batch, in fp64."""
    torch.manual_seed(0)
    f, g, h = nn.Linear(6, 5).double(), nn.Linear(5, 3).double(), nn.Linear(5, 2).double()
    batch = torch.randn(20, 6).double(), torch.randint(0, 3, (20,)), torch.randint(0, 2, (20,))
    parts = {name: list(m.parameters()) for name, m in {"F": f, "G": g, "H": h}.items()}
    return f, g, h, batch, parts


def grads_of(loss, parameters):
    return torch.autograd.grad(loss, parameters, retain_graph=True)


def test_each_part_gets_the_gradient_of_its_own_losses_and_of_nothing_else():
    f, g, h, (x, y, v), parts = three_parts()
    z = torch.tanh(f(x))
    task, private = cross_entropy(g(z), y), cross_entropy(h(z), v)
    leakage = -private  # reaches F and H through the graph; is meant for F alone
    wanted = {
        "F": grads_of(task + 0.5 * leakage, parts["F"]),
        "G": grads_of(task, parts["G"]),
        "H": grads_of(private, parts["H"]),
    }
    got = send([Route(task, ("F", "G")), Route(0.5 * leakage, ("F",)), Route(private, ("H",))], parts)
    assert set(got) == {"F", "G", "H"}
    for name, tensors in wanted.items():
        for parameter, grad in zip(parts[name], tensors, strict=True):
            torch.testing.assert_close(parameter.grad, grad, rtol=1e-12, atol=1e-15)


def test_a_shared_encoder_is_passed_once_however_many_losses_train_it():
    f, g, h, (x, y, v), parts = three_parts()
    passes = []
    z = f(x)
    z.register_hook(lambda grad: passes.append(1))
    z = torch.tanh(z)
    send([Route(cross_entropy(g(z), y), ("F", "G")), Route(-cross_entropy(h(z), v), ("F",))], parts)
    assert len(passes) == 1


def test_gradients_of_several_turns_add_up_until_they_are_cleared():
    f, g, _, (x, y, _), parts = three_parts()
    loss = cross_entropy(g(f(x)), y)
    send([Route(2 * loss, ("F",)), Route(loss, ("F",))], parts)
    expected = grads_of(3 * cross_entropy(g(f(x)), y), parts["F"])
    for parameter, grad in zip(parts["F"], expected, strict=True):
        torch.testing.assert_close(parameter.grad, grad)
    assert all(p.grad is None for p in parts["G"])


def test_an_unknown_part_is_named():
    with pytest.raises(KeyError, match="routed to 'coder'; the parts are F"):
        send([Route(torch.ones(()), ("coder",))], {"F": []})


def test_what_a_loss_reaches():
    f, g, h, (x, y, v), parts = three_parts()
    z = f(x)
    assert reached(cross_entropy(g(z), y), parts) == {"F", "G"}
    assert reached(cross_entropy(h(z.detach()), v), parts) == {"H"}


def test_reversal_keeps_the_value_and_turns_the_gradient_round():
    x = torch.randn(4, dtype=torch.float64, requires_grad=True)
    out = reverse_gradient(x, 0.3)
    assert torch.equal(out, x)
    out.square().sum().backward()
    torch.testing.assert_close(x.grad, -0.3 * 2 * x.detach())


def test_full_precision_leaves_autocast_and_widens_its_tensors():
    @full_precision
    def log_sum(x, scale):
        assert not torch.is_autocast_enabled("cpu")
        return (x * scale).logsumexp(0)

    with torch.autocast("cpu", torch.bfloat16):
        half = torch.randn(8, 8) @ torch.randn(8, 8)
        assert half.dtype == torch.bfloat16
        out = log_sum(half, scale=2)
        assert torch.is_autocast_enabled("cpu")
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, (half.float() * 2).logsumexp(0))
