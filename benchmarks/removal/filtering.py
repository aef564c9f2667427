"""The generative filter on shared ground: a VAE of the encoder's rows, then the paper's game on its frozen codes.

What is released are codes behind the filter, z + A [eps; s]: the filter is told each row's true private label, as the
paper's user knows his own; no other method here is. The game is the paper's (``replications.generative_filter.game``),
all budgets of a seed in one stack. Budget 0 is the VAE's code as it is.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import elu

from benchmarks.removal.grounds import Ground
from common.training.batches import Batch, Batches
from common.training.in_turn import InTurn
from common.training.machine import Machine
from common.training.parts import Part
from common.training.routing import Route
from common.training.seeding import derive, generator
from common.training.trainer import Trainer
from replications.generative_filter import method
from replications.generative_filter.game import Data, Game
from replications.generative_filter.vae import VAE, negative_elbo

# The paper's settings of the game that its own config has as well (D3 to D7 of its README).
GAME = {
    "mechanism": "filter",
    "posterior_budget": False,
    "half": True,
    "normalised_ce": True,
    "sample_codes": True,
    "beta": 1.0,
    "rho": 100.0,
    "hidden": 15,
    "lr": 1e-3,
    "filter_lr": 1e-3,
    "batch": 100,
}
READ_BATCH = 1000


def released_by_filter(
    turns: InTurn, ground: Ground, p: dict[str, Any], seed: int, machine: Machine
) -> tuple[dict[str, Tensor], list[str]]:
    """Return released codes by ``budget/part``, and why a budget has none."""
    net, trained = _vae(turns, ground, p, seed, machine)
    status, message = trained.status()
    if status != "ok":
        return {}, [f"vae: {message}"]
    moments = {part: _moments(net, ground, part) for part in ("train", "known", "test")}
    game, played = _game(turns, ground, moments["train"], p, seed, machine)
    method.meet_budget(game.mechanism, game.limits, game.shares, game.precision)
    found, stopped = {}, []
    for budget in p["strengths"]:
        member = game.budgets.index(budget) if budget > 0 else None
        if member in played.stopped:
            stopped.append(f"b={budget:g}: {played.stopped[member]}")
            continue
        for part in ("known", "test"):
            z = moments[part][0]
            if member is not None:
                z = z + _shift(game, ground.parts[part]["s"], part, seed)[member]
            found[f"{budget:g}/{part}"] = z.cpu()
    return found, stopped


def _role(seed: int) -> tuple[str | int, ...]:
    return "removal", "generative_filter", seed


def _vae(turns: InTurn, ground: Ground, p: dict[str, Any], seed: int, machine: Machine) -> tuple[VAE, Trainer]:
    """Train eq. (1) on the encoder's rows, without any label."""
    inputs, role = math.prod(ground.shape), _role(seed)
    net = VAE(inputs, p["vae_hidden"], p["width"], [generator(*role, "vae")], elu).to(machine.device)

    def with_noise(batch: Batch, noise: Any) -> Batch:
        drawn = torch.randn(1, len(batch["x"]), p["width"], generator=noise[0])
        return {"x": ground.unit(batch)["x"].flatten(1)[None], "noise": drawn.to(batch["x"].device)}

    def step(batch: Batch) -> list[Route]:
        logits, mean, log_variance = net(batch["x"], batch["noise"])
        return [Route(negative_elbo(logits, batch["x"], mean, log_variance), to=("vae",), name="loss")]

    trainer = Trainer(
        net,
        [Part("vae", net, partial(torch.optim.Adam, lr=p["lr"]))],
        step,
        Batches(
            {"x": ground.parts["train"]["x"]},
            min(p["batch"], len(ground.parts["train"]["x"])),
            generator("removal", "order", seed),
            transform=with_noise,
            noise=generator(*role, "codes"),
            drop_last=True,
        ),
        epochs=p["vae_epochs"],
        machine=machine,
        seed=derive(*role, "torch"),
    )
    return net, turns.run(f"seed {seed}, vae", trainer)


@torch.no_grad()
def _moments(net: VAE, ground: Ground, part: str) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation (n, d) of q(z|x)."""
    found = []
    for chunk in ground.parts[part]["x"].split(READ_BATCH):
        found.append([v[0] for v in net.encode(ground.unit({"x": chunk})["x"].flatten(1)[None])])
    mean, log_variance = (torch.cat(values) for values in zip(*found, strict=True))
    return mean, (0.5 * log_variance).exp()


def _game(
    turns: InTurn, ground: Ground, moments: tuple[Tensor, Tensor], p: dict[str, Any], seed: int, machine: Machine
) -> tuple[Game, Trainer]:
    """Play eqs. (3) to (5) on the encoder's rows for every budget above 0."""
    train = ground.parts["train"]
    mean, deviation = (v[None] for v in moments)
    own = torch.ones(1, len(train["s"]), dtype=torch.bool, device=mean.device)
    data = Data(mean, deviation, train["s"][None], train["y"][None], (ground.classes[1], ground.classes[0]), own)
    settings = {**GAME, "budgets": p["strengths"], "steps": p["filter_steps"], "inner_steps": p["filter_inner_steps"]}
    settings |= {"lr": p["filter_lr"], "filter_lr": p["filter_lr"]}
    role = (*_role(seed), "game")
    game = Game(data, settings, [seed], role)
    game.model.to(machine.device)
    return game, turns.run(f"seed {seed}, game", game.trainer(machine, role, f"removal filter, seed {seed}"))


@torch.no_grad()
def _shift(game: Game, s: Tensor, part: str, seed: int) -> Tensor:
    """Return what each member's filter adds (members, n, d), from one draw of noise that all budgets share."""
    members = len(game.budgets)
    noise = torch.randn(len(s), game.data.mean.shape[-1], generator=generator(*_role(seed), "release", part))
    return game.mechanism.shift(noise.to(s.device).expand(members, -1, -1), s.expand(members, -1))
