"""Step 2, the game of eqs. (2) to (5), (7) to (9): a mechanism against h with nu beside it, in one stack."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam

from common.losses.classes import stacked_cross_entropy
from common.training.batches import Batch, Batches
from common.training.machine import Machine
from common.training.parts import Part
from common.training.progress import Progress
from common.training.routing import Route
from common.training.seeding import derive, generator
from common.training.trainer import Trainer
from replications.generative_filter import method
from replications.generative_filter.codes import class_statistics


@dataclass(frozen=True)
class Data:
    """What the game is played on, one slice per seed.

    ``mean``, ``deviation`` (seeds, n, d) of q(z|x); ``private``, ``utility`` (seeds, n); ``own`` marks the rows that
    the mechanism may touch, (seeds, n): the others are public and pass as they are.
    """

    mean: Tensor
    deviation: Tensor
    private: Tensor
    utility: Tensor
    classes: tuple[int, int]
    own: Tensor

    def to(self, device: torch.device) -> Data:
        """Return the data on another device."""
        tensors = (self.mean, self.deviation, self.private, self.utility)
        return Data(*(t.to(device) for t in tensors), self.classes, self.own.to(device))


class Turns:
    """Batches for one step of A: ``inner`` batches for h and nu from all rows, then one of own rows for A."""

    def __init__(
        self, data: Data, batch: int, inner: int, steps: int, role: Sequence[Any], seeds: Sequence[int]
    ) -> None:
        tensors = {
            "mean": data.mean,
            "deviation": data.deviation,
            "private": data.private,
            "utility": data.utility,
            "own": data.own,
        }
        own_rows = torch.stack([rows.nonzero()[:, 0] for rows in data.own])
        mine = {name: torch.stack([v[own_rows[k]] for k, v in enumerate(t)]) for name, t in tensors.items()}

        def batches(name: str, found: dict[str, Tensor], size: int) -> Batches:
            def draw(batch: Batch, noise: Sequence[torch.Generator]) -> Batch:
                rows, codes = batch["mean"].shape[1:]
                drawn = torch.stack([torch.randn(rows, 2 * codes, generator=g) for g in noise]).to(batch["mean"])
                return batch | {"spread": drawn[..., :codes], "eps": drawn[..., codes:]}

            orders = [generator(*role, s, name, "order") for s in seeds]
            noise = [generator(*role, s, name, "noise") for s in seeds]
            return Batches(found, size, orders, transform=draw, noise=noise, drop_last=True, own=tuple(found))

        self.players, self.filter = batches("players", tensors, inner * batch), batches("filter", mine, batch)
        self.inner, self.steps = inner, steps

    def __len__(self) -> int:
        """Return the steps of A in what counts as an epoch."""
        return self.steps

    def start_epoch(self) -> None:
        """Epochs are a matter of counting here: each source begins a new order when its own is used up."""

    def take(self) -> Batch:
        """Return both batches, keys prefixed with who plays on them."""
        found: Batch = {}
        for name, source in (("players", self.players), ("filter", self.filter)):
            if source.position in (0, len(source)):
                source.start_epoch()
            found |= {f"{name}_{key}": value for key, value in source.take().items()}
        return found

    def state_dict(self) -> dict[str, Tensor]:
        """Return both sources' states."""
        both = {"players": self.players, "filter": self.filter}
        return {f"{name}:{key}": v for name, source in both.items() for key, v in source.state_dict().items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on where :meth:`state_dict` was taken."""
        for name, source in (("players", self.players), ("filter", self.filter)):
            source.load_state_dict({k.partition(":")[2]: v for k, v in state.items() if k.startswith(f"{name}:")})


class Game:
    """The players of every member (seeds x budgets, seeds first) and the turns they take."""

    def __init__(self, data: Data, p: Mapping[str, Any], seeds: Sequence[int], role: Sequence[Any]) -> None:
        self.data, self.p, self.seeds, self.role = data, p, list(seeds), role
        self.budgets = [float(b) for b in p["budgets"] if b > 0]
        each = len(self.budgets)
        codes = data.mean.shape[-1]

        def draws(part: str) -> list[torch.Generator]:
            return [generator(*role, s, f"b={b:g}", part) for s in seeds for b in self.budgets]

        private, utility = data.classes
        self.mechanism: method.Mechanism = (
            method.GaussianMechanism(codes, len(seeds) * each)
            if p["mechanism"] == "gaussian"
            else method.LinearFilter(codes, codes, private, draws("filter"))
        )
        self.h = method.classifier(codes, private, draws("h"), p["hidden"])
        self.nu = method.classifier(codes, utility, draws("nu"), p["hidden"])
        self.model = nn.ModuleDict({"mechanism": self.mechanism, "h": self.h, "nu": self.nu})
        self.scale = (math.log(private), math.log(utility)) if p["normalised_ce"] else (1.0, 1.0)
        self.shares, self.precision = self.measure(p["posterior_budget"])
        half = 1.0 if p["half"] else 0.5  # the implementation text's norm has no 1/2: b there is b / 2 here
        self.limits = half * torch.tensor(self.budgets, device=data.mean.device).repeat(len(seeds))

    def measure(self, posterior: bool) -> tuple[Tensor, Tensor]:
        """Return shares and precisions per member for the budget over own rows: Sigma of the posterior, or I."""
        each, own = len(self.budgets), self.data.own
        shares, precision = [], []
        for k in range(len(self.seeds)):
            rows = own[k]
            weight = self.data.deviation[k, rows].pow(-2)
            weight = weight if posterior else torch.ones_like(weight)
            found = class_statistics(weight[None], self.data.private[k, rows][None], self.data.classes[0])
            shares.append(found[0][0])
            precision.append(found[1][0])
        return torch.stack(shares).repeat_interleave(each, 0), torch.stack(precision).repeat_interleave(each, 0)

    def released(self, turn: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return z~, y and u per member for one turn's rows; public rows pass as they are."""
        each = len(self.budgets)
        z = turn["mean"] + turn["deviation"] * turn["spread"] if self.p["sample_codes"] else turn["mean"]
        z, eps, y, u, own = (
            v.repeat_interleave(each, 0) for v in (z, turn["eps"], turn["private"], turn["utility"], turn["own"])
        )
        return z + own[..., None] * self.mechanism.shift(eps, y), y, u

    @torch.no_grad()
    def in_loop(self, chunk: int = 5000) -> Tensor:
        """Return the accuracy (members,) of h as the game leaves it: own rows' means, one draw of the mechanism."""
        each, right = len(self.budgets), 0.0
        noise = [generator(*self.role, s, "in loop") for s in self.seeds]
        for rows in torch.arange(self.data.mean.shape[1], device=self.data.mean.device).split(chunk):
            z = self.data.mean[:, rows]
            eps = torch.stack([torch.randn(z.shape[1:], generator=g) for g in noise]).to(z)
            values = (z, eps, self.data.private[:, rows], self.data.own[:, rows])
            z, eps, y, own = (v.repeat_interleave(each, 0) for v in values)
            guess = self.h(z + self.mechanism.shift(eps, y)).argmax(-1)
            right = right + ((guess == y) & own).sum(-1)
        return right / self.data.own.sum(-1).repeat_interleave(each, 0)

    def turns(self, batch: Batch) -> Iterator[list[Route]]:
        """Yield the turns of one step: h and nu learn ``inner`` times, then A does."""
        players, mine = _part(batch, "players_"), _part(batch, "filter_")
        size = self.p["batch"]
        for start in range(0, size * self.p["inner_steps"], size):
            rows = {name: v[:, start : start + size] for name, v in players.items()}
            with torch.no_grad():
                z, y, u = self.released(rows)
            yield [
                Route(stacked_cross_entropy(self.h(z), y), to=("h",), name="h"),  # the min over h, eqs. (2), (7)
                Route(stacked_cross_entropy(self.nu(z), u), to=("nu",), name="nu"),  # eq. (5)
            ]
        z, y, u = self.released(mine)
        adversary = stacked_cross_entropy(self.h(z), y) / self.scale[0]
        utility = stacked_cross_entropy(self.nu(z), u) / self.scale[1]
        spent = self.mechanism.distortion(self.shares, self.precision)
        loss = method.filter_loss(adversary, utility, spent, self.limits, self.p["beta"], self.p["rho"])
        # the max over the filter, eq. (7), within its budget, eqs. (3), (8)
        yield [Route(loss, to=("mechanism",), name="mechanism"), Route(spent, to=(), name="distortion")]

    def trainer(self, machine: Machine, role: Sequence[Any], label: str) -> Trainer:
        """Return the trainer that plays the game."""
        p = self.p
        # as many epochs, up to 20, as the steps divide into: none of them is dropped
        epochs = max(n for n in range(1, 21) if p["steps"] % n == 0)
        source = Turns(self.data, p["batch"], p["inner_steps"], p["steps"] // epochs, role, self.seeds)
        adam = partial(Adam, fused=True)
        parts = [
            Part("h", self.h, partial(adam, lr=p["lr"])),
            Part("nu", self.nu, partial(adam, lr=p["lr"])),
            Part("mechanism", self.mechanism, partial(adam, lr=p["filter_lr"])),
        ]
        return Trainer(
            self.model,
            parts,
            self.turns,
            source,
            epochs=epochs,
            machine=machine,
            members=len(self.seeds) * len(self.budgets),
            progress=Progress(label, epochs * len(source)),
            seed=derive(*role, "torch"),
        )


def _part(batch: Batch, prefix: str) -> Batch:
    return {name.removeprefix(prefix): v for name, v in batch.items() if name.startswith(prefix)}
