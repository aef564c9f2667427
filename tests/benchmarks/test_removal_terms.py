"""Which loss of each method trains what; a term of strength 0 is the task alone."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from benchmarks.removal.grounds import Ground
from benchmarks.removal.networks import encoder
from benchmarks.removal.terms import TERMS
from common.models.initial import linear
from common.results import Origin
from common.training.routing import reached, send

P = {
    "width": 4,
    "critic_steps": 2,
    "slices": 5,
    "lambda1": 5.0,
    "lambda2": 1.0,
    "auxiliary_hidden": 8,
}
OWN = {
    "none": set(),
    "irene": {"private"},
    "infoshape": {"critic"},
    "infoshape_attribute": {"critic"},
    "attribute_unlearning": {"decoder", "task_head", "attribute_head"},
    "sliced_infomin": set(),
}


def draw(role):
    return torch.Generator().manual_seed(len(role))


@pytest.fixture
def ground():
    g = torch.Generator().manual_seed(0)
    x = torch.randint(0, 2, (40, 12), generator=g, dtype=torch.uint8)
    batch = {"x": x, "y": x[:, 0].long(), "s": torch.randint(0, 3, (40,), generator=g)}
    origin = Origin(name="bits", kind="generated", sha256="0" * 64)
    return Ground(dict.fromkeys(("train", "known", "test"), batch), (2, 3), 1, origin)


def setting(name, ground, strength=2.0):
    """Return encoder, head, term, parts by name, and a batch."""
    net = encoder(ground.shape, P["width"], draw("encoder"))
    target = linear(P["width"], ground.classes[0], draw("target"))
    term = TERMS[name](ground, P, strength, draw)
    own = {key: list(child.parameters()) for key, child in term.named_children() if list(child.parameters())}
    parts = {"encoder": list(net.parameters()), "target": list(target.parameters()), **own}
    return net, target, term, parts, ground.unit(ground.parts["train"])


@pytest.mark.parametrize("name", TERMS)
def test_every_term_names_its_own_networks_and_routes_to_parts_that_exist(name, ground):
    net, target, term, parts, batch = setting(name, ground)
    assert set(parts) == {"encoder", "target"} | OWN[name]
    trained = set()
    for turn in term.turns(net(batch["x"]), batch, target):
        trained |= set(send(turn, parts))
    assert trained == set(parts), "every part is trained by something"


@pytest.mark.parametrize(
    ("name", "route", "wanted"),
    [
        ("irene", "leakage", {"encoder"}),
        ("irene", "private", {"private"}),
        ("infoshape", "critic", {"critic"}),
        ("infoshape", "lagrangian", {"encoder"}),
        ("infoshape_attribute", "lagrangian", {"encoder"}),
        ("attribute_unlearning", "detachment", {"encoder"}),
        ("attribute_unlearning", "attribute_contrast", {"attribute_head"}),
        ("attribute_unlearning", "task", {"target"}),
        ("sliced_infomin", "loss", {"encoder", "target"}),
    ],
)
def test_a_loss_trains_only_what_its_paper_lets_it(name, route, wanted, ground):
    net, target, term, _, batch = setting(name, ground)
    found = [r for turn in term.turns(net(batch["x"]), batch, target) for r in turn if r.name == route]
    assert found, f"{name} has a loss {route}"
    assert {frozenset(r.to) for r in found} == {frozenset(wanted)}


def test_the_critic_learns_from_codes_that_it_does_not_move(ground):
    net, target, term, parts, batch = setting("infoshape", ground)
    first = next(term.turns(net(batch["x"]), batch, target))
    assert reached(first[0].loss, parts) == {"critic"}


@pytest.mark.parametrize("name", ["irene", "infoshape", "infoshape_attribute", "sliced_infomin"])
def test_at_strength_0_the_encoder_has_the_gradient_of_the_task(name, ground):
    net, target, term, parts, batch = setting(name, ground, strength=0.0)
    for turn in term.turns(net(batch["x"]), batch, target):
        for parameters in parts.values():
            for parameter in parameters:
                parameter.grad = None
        send(turn, parts)
    wanted = torch.autograd.grad(cross_entropy(target(net(batch["x"])), batch["y"]), parts["encoder"])
    for parameter, gradient in zip(parts["encoder"], wanted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_infoshape_hides_the_input_and_its_variant_the_attribute(ground):
    batch = ground.unit(ground.parts["train"])
    _, _, term, _, _ = setting("infoshape", ground)
    assert torch.equal(term.guarded(batch), batch["x"])
    _, _, term, _, _ = setting("infoshape_attribute", ground)
    assert torch.equal(term.guarded(batch).argmax(1), batch["s"])


@pytest.mark.parametrize("shape", [(102,), (3, 28, 28), (3, 32, 32)])
def test_the_encoder_takes_every_ground(shape):
    net = encoder(shape, 16, draw("x"))
    assert net(torch.rand(5, *shape)).shape == (5, 16)
    again = encoder(shape, 16, draw("x"))
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))
