"""The detachment loss against closed forms, and which loss moves which network (sheet, section 4)."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy, cross_entropy, normalize

from common.losses.supcon import supcon
from common.training.batches import Batches
from common.training.machine import Machine
from common.training.parts import Part, by_name
from common.training.routing import reached, reverse_gradient, send
from common.training.trainer import Trainer
from common.workflow.config import load_paper, resolve_params
from replications.attribute_unlearning import method, networks
from replications.attribute_unlearning.training import head_losses, step

CPU = Machine(torch.device("cpu"), None)
NAMES = ("extractor", "classifier", "decoder", "task_head", "attribute_head")


class Small(nn.Module):
    """A head on flat features: unit vectors."""

    def __init__(self, inputs, outputs=4):
        super().__init__()
        self.layer = nn.Linear(inputs, outputs)

    def forward(self, h):
        return normalize(self.layer(h.flatten(1)), dim=1)


@pytest.fixture
def small():
    """The five networks at toy size, in fp64, and a batch of two task and four attribute classes."""
    torch.manual_seed(0)
    nets = nn.ModuleDict(
        {
            "extractor": nn.Sequential(nn.Linear(6, 5), nn.Tanh()),
            "classifier": nn.Linear(5, 2),
            "decoder": nn.Linear(5, 6),
            "task_head": Small(5),
            "attribute_head": Small(5),
        }
    ).double()
    batch = {"x": torch.rand(16, 6).double(), "y": torch.arange(16) % 2, "z": torch.arange(16) % 4}
    # a head that sees something: random unit vectors cost more than collapsed ones, and are not pushed
    adam = torch.optim.Adam(nets["attribute_head"].parameters(), lr=0.03)
    for _ in range(100):
        adam.zero_grad()
        supcon(nets["attribute_head"](nets["extractor"](batch["x"]).detach()), batch["z"], 0.07).backward()
        adam.step()
    return nets, batch


def routes_of(nets, batch, entropy=False, end_to_end=False, **lambdas):
    h = nets["extractor"](batch["x"])
    weights = method.Lambdas(**{"l1": 5.0, "l2": 1.0, "l3": 1.0} | lambdas)
    found = method.detachment(nets, h, batch["x"], batch["y"], batch["z"], weights, entropy)
    return [*found, method.task(nets["classifier"], h, batch["y"], end_to_end)]


def gradients(nets, routes):
    """Return the gradient that each part gets, by name, as one vector."""
    nets.zero_grad(set_to_none=True)
    send(routes, by_name([Part(n, net, torch.optim.SGD) for n, net in nets.items()]))
    return {
        name: None if (first := next(net.parameters()).grad) is None else first.flatten().clone()
        for name, net in nets.items()
    }


class TestReconstruction:
    def test_a_constant_decoder_has_the_binary_entropy_of_its_mean(self):
        p = 0.3
        logits = torch.full((4, 3, 8, 8), math.log(p / (1 - p)))
        x = torch.full((4, 3, 8, 8), p)
        wanted = -(p * math.log(p) + (1 - p) * math.log(1 - p))
        assert float(method.reconstruction_error(logits, x)) == pytest.approx(wanted, abs=1e-6)

    def test_a_perfect_binary_picture_costs_nothing(self):
        x = (torch.rand(2, 3, 8, 8) > 0.5).float()
        assert float(method.reconstruction_error(80 * (x - 0.5), x)) == pytest.approx(0, abs=1e-9)

    def test_nothing_is_below_the_entropy_of_the_pixels(self):
        x, logits = torch.rand(4, 3, 8, 8), torch.randn(4, 3, 8, 8)
        floor = float(binary_cross_entropy(x, x))
        assert float(method.reconstruction_error(logits, x)) > floor
        assert float(method.reconstruction_error(torch.logit(x), x)) == pytest.approx(floor, abs=1e-6)

    def test_bf16_is_computed_in_fp32(self):
        x, logits = torch.rand(4, 3, 8, 8), torch.randn(4, 3, 8, 8).bfloat16()
        with torch.autocast("cpu", torch.bfloat16):
            assert method.reconstruction_error(logits, x).dtype == torch.float32


class TestRouting:
    def test_each_part_hears_its_own_losses_alone(self, small):
        nets, batch = small
        to = {route.name: set(route.to) for route in routes_of(nets, batch)}
        assert to == {
            "reconstruction": {"extractor", "decoder"},
            "task_contrast": {"extractor", "task_head"},
            "attribute_contrast": {"attribute_head"},
            "detachment": {"extractor"},
            "task": {"classifier"},
        }

    def test_the_task_loss_does_not_reach_the_extractor_even_by_the_graph(self, small):
        nets, batch = small
        parts = by_name([Part(n, net, torch.optim.SGD) for n, net in nets.items()])
        (task,) = [r for r in routes_of(nets, batch) if r.name == "task"]
        assert reached(task.loss, parts) == {"classifier"}
        (task,) = [r for r in routes_of(nets, batch, end_to_end=True) if r.name == "task"]
        assert reached(task.loss, parts) == {"extractor", "classifier"}

    def test_the_extractor_gets_reversed_gradients_and_the_head_its_own(self, small):
        """The routes equal one loss through a reversal layer of scale lambda3."""
        nets, batch = small
        found = gradients(nets, routes_of(nets, batch, l3=0.7))
        nets.zero_grad(set_to_none=True)
        h = nets["extractor"](batch["x"])
        loss = 5 * method.reconstruction_error(nets["decoder"](h), batch["x"])
        loss = loss + supcon(nets["task_head"](h), batch["y"], 0.07)
        loss = loss + supcon(nets["attribute_head"](reverse_gradient(h, 0.7)), batch["z"], 0.07)
        loss = loss + cross_entropy(nets["classifier"](h.detach()), batch["y"])
        loss.backward()
        for name in NAMES:
            wanted = next(nets[name].parameters()).grad.flatten()
            torch.testing.assert_close(found[name], wanted, atol=1e-7, rtol=1e-6)  # the task loss is fp32

    def test_the_head_learns_alike_under_either_sign_and_the_extractor_does_not(self, small):
        nets, batch = small
        ours, printed, none = (
            gradients(nets, routes_of(nets, batch, **kind)) for kind in ({}, {"literal": True}, {"l3": 0.0})
        )
        torch.testing.assert_close(ours["attribute_head"], printed["attribute_head"])
        # the two signs lie on either side of no term at all
        torch.testing.assert_close(ours["extractor"] + printed["extractor"], 2 * none["extractor"])
        assert not torch.allclose(ours["extractor"], printed["extractor"])

    def test_without_lambda3_nothing_is_detached(self, small):
        nets, batch = small
        assert "detachment" not in {r.name for r in routes_of(nets, batch, l3=0.0)}

    def test_a_blind_head_is_not_pushed_further(self, small):
        """At collapsed features the loss is ln(N - 1); above it the extractor hears nothing more."""
        nets, batch = small

        class Worst(nn.Module):
            """Turns equal attributes apart and unequal ones together."""

            def forward(self, h):
                side = (torch.arange(16) // 4 % 2 * 2 - 1).double()
                return torch.stack([side + 0 * h.sum(1), 0 * h[:, 0]], dim=1)

        nets["attribute_head"] = Worst()
        h = nets["extractor"](batch["x"])
        labels = torch.arange(16) // 8
        found = method.detachment(nets, h, batch["x"], batch["y"], labels, method.Lambdas(0.0, 0.0, 1.0))
        losses = {r.name: r.loss.item() for r in found}
        assert losses["attribute_contrast"] > math.log(15)
        assert losses["detachment"] == pytest.approx(-math.log(15))

    def test_the_printed_sign_has_no_ceiling(self, root):
        """A fresh head of the protocol costs more than a blind one: clamped, the printed term would not move Phi."""
        p = resolve_params(load_paper(root, "attribute_unlearning"), "celeba", "literal", "quick", {})
        nets = networks.model(p, 18, 0, (2, 2), CPU)
        x = torch.rand(64, 3, 16, 16, generator=torch.Generator().manual_seed(0))
        y, z = torch.arange(64) % 2, torch.arange(64) // 2 % 2
        h = nets["extractor"](x)
        for literal in (True, False):
            weights = method.Lambdas(0.0, 0.0, 1.0, literal)
            found = {r.name: r.loss for r in method.detachment(nets, h, x, y, z, weights)}
            assert found["attribute_contrast"].item() > math.log(63)
            (gradient,) = torch.autograd.grad(found["detachment"], h, retain_graph=True)
            assert bool(gradient.abs().max() > 0) == literal


BLIND = [  # labels, and the anchors that have another of their class
    ([0, 0, 1, 1], 4),
    ([0, 0, 1, 2], 2),
    ([0, 0, 0, 1], 3),
    ([3, 1, 2, 0], 0),
    ([5, 5], 2),
]


class TestCeiling:
    @pytest.mark.parametrize(("labels", "paired"), BLIND)
    def test_a_lone_row_lowers_it_as_it_lowers_the_loss(self, labels, paired):
        z = torch.tensor(labels)
        wanted = paired / len(z) * math.log(len(z) - 1)
        assert method.blind_contrast(z).item() == pytest.approx(wanted)
        collapsed = normalize(torch.ones(len(z), 5), dim=1)
        assert supcon(collapsed, z, method.TEMPERATURE).item() == pytest.approx(wanted, abs=1e-6)

    @pytest.mark.parametrize("members", [64, 128, 1024])
    def test_without_a_lone_row_it_is_what_it_was_to_the_bit(self, members):
        z = torch.arange(members) % 10
        ceiling = method.blind_contrast(z).to(torch.float32)
        assert torch.equal(torch.tensor(100.0).clamp(max=ceiling), torch.tensor(100.0).clamp(max=math.log(members - 1)))

    @pytest.mark.parametrize(
        ("rows", "moved"),
        [
            ([[1.0, 0.4], [1.0, 0.4], [1.0, 0.0], [1.0, -0.4]], True),  # the pair of class 0 is together
            ([[1.0, 0.05], [1.0, -0.05], [1.0, 0.05], [1.0, -0.05]], False),  # apart: it costs more than blind rows
        ],
    )
    def test_the_extractor_is_pushed_up_to_it_and_no_further(self, rows, moved):
        """Labels 0, 0, 1, 2: two anchors of four count, so that both losses are below the ln 3 of a single one."""
        h, z = torch.tensor(rows, requires_grad=True), torch.tensor([0, 0, 1, 2])
        nets = {"decoder": lambda h: h} | dict.fromkeys(("task_head", "attribute_head"), lambda h: normalize(h, dim=1))
        routes = method.detachment(nets, h, torch.rand(4, 2), z, z, method.Lambdas(0.0, 0.0, 1.0))
        found = {r.name: r.loss for r in routes}
        seen, blind = found["attribute_contrast"].item(), math.log(3) / 2
        assert (seen < blind) == moved
        assert seen < math.log(3)
        assert found["detachment"].item() == pytest.approx(-min(seen, blind))
        (gradient,) = torch.autograd.grad(found["detachment"], h)
        assert bool(gradient.abs().max() > 1e-3) == moved


class TestHead:
    """What the co-trained head costs in the end, beside a blind one."""

    @pytest.mark.parametrize("entropy", [False, True])
    def test_a_blind_head_costs_what_a_blind_head_does(self, entropy):
        z = torch.tensor([0, 0, 1, 1, 1, 2])
        rows = torch.zeros(6, 3) if entropy else normalize(torch.ones(6, 5), dim=1)
        loss, blind = method.attribute_loss(rows, z, entropy)
        assert loss.item() == pytest.approx(blind.item(), abs=1e-6)
        assert blind.item() == pytest.approx(math.log(3) if entropy else 5 / 6 * math.log(5))

    @pytest.mark.parametrize("batch", [4, 5, 99])
    def test_it_is_judged_on_whole_batches_as_large_as_in_training(self, batch):
        random = torch.Generator().manual_seed(0)
        x = torch.randint(0, 256, (9, 3, 2, 2), dtype=torch.uint8, generator=random)
        z = torch.tensor([0, 1, 0, 1, 2, 2, 0, 1, 0])
        nets = {"extractor": nn.Flatten(), "attribute_head": Small(12)}
        found = head_losses(nets, {"x": x, "z": z}, {"batch": batch, "entropy": False}, CPU)
        size = min(batch, 9)
        parts = [slice(k, k + size) for k in range(0, 9 - size + 1, size)]
        pairs = [method.attribute_loss(nets["attribute_head"](x[p].float() / 255), z[p]) for p in parts]
        wanted = torch.stack([torch.stack(pair) for pair in pairs]).mean(0).tolist()
        assert [found["head_loss"], found["head_blind"]] == pytest.approx(wanted, abs=1e-5)


class TestDirection:
    def test_one_step_of_each_player_moves_the_loss_its_own_way(self, small):
        nets, batch = small

        def contrast():
            return supcon(nets["attribute_head"](nets["extractor"](batch["x"])), batch["z"], 0.07).item()

        start = contrast()
        assert start < math.log(15)
        for name, sign in (("attribute_head", -1), ("extractor", 1)):
            state = {k: v.clone() for k, v in nets.state_dict().items()}
            found = [r for r in routes_of(nets, batch) if r.name in ("attribute_contrast", "detachment")]
            gradients(nets, found)
            with torch.no_grad():
                for parameter in nets[name].parameters():
                    parameter.sub_(1e-3 * parameter.grad)
            assert sign * (contrast() - start) > 0, name
            nets.load_state_dict(state)


class TestAum:
    @pytest.mark.parametrize(
        ("efficacy", "fidelity", "printed"),
        [(0.1352, 0.7950, 0.8284), (0.5142, 0.7830, 0.5996), (0.1095, 0.9351, 0.9123), (0.3107, 0.8330, 0.7544)],
    )
    def test_printed_values(self, efficacy, fidelity, printed):
        assert method.aum(efficacy, fidelity) == pytest.approx(printed, abs=1e-4)

    def test_ends(self):
        assert method.aum(0.0, 1.0) == 1
        assert method.aum(1.0, 0.5) == 0
        assert method.aum(1.0, 0.0) == 0, "0/0 counts as 0"


class TestInfoPro:
    def test_without_lambda3_it_is_infopro_to_the_bit(self, root):
        """InfoPro knows no attribute: the same start and batches without the head give the same weights."""
        p = {**resolve_params(load_paper(root, "attribute_unlearning"), "cifar10", "infopro", "quick", {}), "side": 8}
        random = torch.Generator().manual_seed(0)
        data = {"x": torch.randint(0, 256, (16, 3, 8, 8), generator=random, dtype=torch.uint8).float() / 255}
        data |= {"y": torch.arange(16) % 2, "z": torch.arange(16) % 10}

        def trained(own_step, left_out=()):
            nets = networks.model(p, 18, 0, (2, 10), CPU)
            for name in left_out:
                del nets[name]
            source = Batches(data, 8, torch.Generator().manual_seed(1))
            parts = [Part(n, net, lambda q: torch.optim.SGD(q, lr=0.1, momentum=0.9)) for n, net in nets.items()]
            Trainer(nets, parts, own_step(nets), source, epochs=1, machine=CPU).train()
            return nets.state_dict()

        def infopro(nets):
            def routes(batch):
                h = nets["extractor"](batch["x"])
                local = 5.0 * method.reconstruction_error(nets["decoder"](h), batch["x"])
                return [
                    method.Route(local, to=("extractor", "decoder"), name="r"),
                    method.Route(
                        supcon(nets["task_head"](h), batch["y"], 0.07), to=("extractor", "task_head"), name="c"
                    ),
                    method.task(nets["classifier"], h, batch["y"]),
                ]

            return routes

        ours, theirs = trained(lambda nets: step(nets, p)), trained(infopro, ["attribute_head"])
        assert all(torch.equal(value, ours[name]) for name, value in theirs.items())
