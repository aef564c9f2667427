"""Each paper's removal term, from its own ``method.py``, around the shared encoder and task head.

A term holds the networks that are its own and says, for one batch, which loss trains what. Its strength is the paper's
own weight; everything else (encoder, head, optimiser, rows, steps) is the same for all. README, *what is each
method's own*, says where the shared ground makes a term differ from its paper.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from benchmarks.removal import networks
from benchmarks.removal.grounds import Ground
from common.losses.variational import donsker_varadhan
from common.models.initial import linear
from common.training.batches import Batch
from common.training.routing import Route
from replications.attribute_unlearning import method as attribute_unlearning
from replications.infoshape import method as infoshape
from replications.irene import method as irene
from replications.sliced_infomin import method as sliced_infomin

Draw = Callable[[str], torch.Generator]
Turns = Iterator[list[Route]]


class Term(nn.Module):
    """Nothing is removed: the task alone. The others add their own networks as children, and their own routes."""

    def __init__(self, ground: Ground, p: Mapping[str, Any], strength: float, draw: Draw) -> None:
        super().__init__()
        self.classes, self.p, self.strength = ground.classes, p, strength
        self.noise = draw("noise")
        self.own(ground, draw)

    def own(self, ground: Ground, draw: Draw) -> None:
        """Make the term's own networks."""

    def turns(self, z: Tensor, batch: Batch, target: nn.Module) -> Turns:
        """Yield the routes of one batch of codes z (n, d)."""
        yield [Route(cross_entropy(target(z), batch["y"]), to=("encoder", "target"), name="task")]


class Irene(Term):
    """Algorithm 1: H reads s from a bottleneck that it does not move, F lowers the soft information of its answers."""

    def own(self, ground: Ground, draw: Draw) -> None:
        """Make H, linear as in the paper."""
        self.private = linear(self.p["width"], ground.classes[1], draw("private"))

    def turns(self, z: Tensor, batch: Batch, target: nn.Module) -> Turns:
        """Yield Algorithm 1's routes; strength is gamma, alpha is 1."""
        yield irene.irene(
            z, target, self.private, batch["y"], batch["s"], 1.0, self.strength, self.classes[1], normalised=True
        )


class InfoShape(Term):
    """Eq. (4.1): a ReMINE network estimates I(X;Z), and the encoder descends its Lagrangian through it."""

    def own(self, ground: Ground, draw: Draw) -> None:
        """Make the statistics network T(x, z)."""
        hidden = self.hidden(math.prod(ground.shape))
        self.critic = infoshape.statistics_network(hidden, self.p["width"], [draw("critic")])
        self.objective = infoshape.ReMINE()

    def hidden(self, inputs: int) -> int:
        """Return the size of what is hidden."""
        return inputs

    def guarded(self, batch: Batch) -> Tensor:
        """Return what is hidden (n, d): the thesis hides the input itself."""
        return batch["x"].flatten(1)

    def scores(self, guarded: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores of joint pairs and of pairs whose partners are shuffled, (1, n) each."""
        partners = torch.randperm(len(z), generator=self.noise).to(z.device)
        joint, marginal = (self.critic(guarded[None], codes[None]) for codes in (z, z[partners]))
        return joint, marginal

    def turns(self, z: Tensor, batch: Batch, target: nn.Module) -> Turns:
        """Yield the critic's steps of Algorithm 2, then the encoder's; strength is lambda_1 over H(X).

        Where the thesis has a second estimate, of I(Z;L), stands the head's own bound H(L) - cross-entropy.
        """
        guarded = self.guarded(batch)
        for _ in range(self.p["critic_steps"]):
            climbed = self.objective(*self.scores(guarded, z.detach()))
            yield [Route(-climbed, to=("critic",), name="critic")]
        leakage = donsker_varadhan(*self.scores(guarded, z))
        task = cross_entropy(target(z), batch["y"])
        descent = infoshape.lagrangian(leakage, -task, 1.0, 1.0, lambda_1=self.strength)
        yield [
            Route(descent, to=("encoder",), name="lagrangian"),
            Route(task, to=("target",), name="task"),
            Route(leakage, to=(), name="leakage"),
        ]


class InfoShapeAttribute(InfoShape):
    """Ours: the same estimate and Lagrangian with the attribute S in the place of the whole input, I(Z;S)."""

    def hidden(self, inputs: int) -> int:  # noqa: ARG002
        """Return the number of classes of s."""
        return self.classes[1]

    def guarded(self, batch: Batch) -> Tensor:
        """Return s, one-hot."""
        return one_hot(batch["s"], self.classes[1]).float()


class AttributeUnlearning(Term):
    """Eq. (3): the encoder keeps the input and the task's contrast and loses the attribute's; the head trains apart."""

    def own(self, ground: Ground, draw: Draw) -> None:
        """Make the auxiliary networks: a decoder to x and two contrastive heads."""
        width, hidden = self.p["width"], self.p["auxiliary_hidden"]
        self.decoder = networks.perceptron([width, hidden, math.prod(ground.shape)], draw("decoder"))
        self.task_head = networks.unit_head(width, hidden, draw("task head"))
        self.attribute_head = networks.unit_head(width, hidden, draw("attribute head"))

    def turns(self, z: Tensor, batch: Batch, target: nn.Module) -> Turns:
        """Yield eq. (3)'s routes and the task's; strength is lambda_3."""
        lambdas = attribute_unlearning.Lambdas(self.p["lambda1"], self.p["lambda2"], self.strength)
        x, y, s = batch["x"].flatten(1), batch["y"], batch["s"]
        nets = dict(self.named_children())
        routes = attribute_unlearning.detachment(nets, z, x, y, s, lambdas)
        routes.append(attribute_unlearning.task(target, z, y))
        names = {"extractor": "encoder", "classifier": "target"}
        yield [Route(r.loss, tuple(names.get(part, part) for part in r.to), r.name) for r in routes]


class SlicedInfomin(Term):
    """L + beta SI: slices solved on the batch's codes (max step), then the task with the correlation they found."""

    def own(self, ground: Ground, draw: Draw) -> None:  # noqa: ARG002
        """Keep the solver; it has nothing to train."""
        self.infomin = sliced_infomin.SlicedInfomin(self.p["slices"])

    def turns(self, z: Tensor, batch: Batch, target: nn.Module) -> Turns:
        """Yield one route: strength is beta."""
        s, classes = batch["s"], self.classes[1]
        t = (s[:, None] if classes == 2 else one_hot(s, classes)).float()[None]
        self.infomin.max_step(z.detach()[None], t, [self.noise])
        penalty = self.infomin(z[None], t).float().squeeze(0)
        task = cross_entropy(target(z), batch["y"])
        yield [
            Route(task + self.strength * penalty, to=("encoder", "target"), name="loss"),
            Route(penalty, to=(), name="penalty"),
        ]


TERMS: dict[str, type[Term]] = {
    "none": Term,
    "irene": Irene,
    "infoshape": InfoShape,
    "infoshape_attribute": InfoShapeAttribute,
    "attribute_unlearning": AttributeUnlearning,
    "sliced_infomin": SlicedInfomin,
}
