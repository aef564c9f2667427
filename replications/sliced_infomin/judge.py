"""rho*(Z, Y) and rho*(Z, T) by fresh networks on frozen codes, scored once on rows nobody was trained on.

The paper's metric is sup_{h, g} rho(h(Z), g(T)); its code keeps g = identity, which gives the correlation ratio, a
lower bound that equals it for a binary T. Both readings are measured: ``two_sided`` learns g as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from common.estimators.optimiser import FlatAdam
from common.losses.correlation import correlation
from common.training.seeding import generator
from replications.sliced_infomin.stack import Stack, take_rows


@dataclass(frozen=True)
class Codes:
    """Codes (members, n, d) of rows to learn from and of rows to score on, with the column (members, n, 1) to read."""

    train: Tensor
    target: Tensor
    test: Tensor
    test_target: Tensor


@dataclass(frozen=True)
class Settings:
    """Hidden widths of f, Adam's steps, batch and rate, and how often the held-out fifth is looked at."""

    hidden: tuple[int, ...] = (200,)
    steps: int = 1500
    batch: int = 500
    lr: float = 1e-3
    check: int = 50


@dataclass(frozen=True)
class Judged:
    """|rho| on the test rows and on the last 500 of them, per member; ``late`` tells a snapshot near the end."""

    value: Tensor
    last: Tensor
    late: Tensor


def judge(codes: Codes, settings: Settings, roles: list[tuple[str | int, ...]], two_sided: bool = False) -> Judged:
    """Train fresh networks, one per member, on four fifths of the rows; the last fifth picks the snapshot."""
    generators = [generator(*role) for role in roles]
    nets = nn.ModuleDict({"f": _network(codes.train.shape[-1], settings.hidden, generators)})
    if two_sided:
        nets["g"] = _network(1, (64, 64), generators)
    nets.to(codes.train.device)
    cut = int(0.8 * codes.train.shape[1])
    adam = FlatAdam(nets, settings.lr)
    members = codes.train.shape[0]
    best = torch.full((members,), -1.0)
    value, last, when = torch.zeros(members), torch.zeros(members), torch.zeros(members)
    with torch.enable_grad():
        for step in range(1, settings.steps + 1):
            rows = torch.stack([torch.randint(cut, (settings.batch,), generator=g) for g in generators])
            z, target = (take_rows(v, rows.to(v.device)) for v in (codes.train, codes.target))
            adam.zero_grad()
            (-_signed(nets, z, target).sum()).backward()
            adam.step()
            if step % settings.check == 0 or step == settings.steps:
                held = _scored(nets, codes.train[:, cut:], codes.target[:, cut:])
                better = held > best
                if bool(better.any()):
                    tail = slice(-500, None)
                    value = torch.where(better, _scored(nets, codes.test, codes.test_target), value)
                    last = torch.where(better, _scored(nets, codes.test[:, tail], codes.test_target[:, tail]), last)
                    when = torch.where(better & (held > best + 0.01), float(step), when)
                best = torch.where(better, held, best)
    return Judged(value, last, when > 0.9 * settings.steps)


def _network(d: int, hidden: tuple[int, ...], generators: list[torch.Generator]) -> Stack:
    return Stack((d, *hidden, 1), (*[leaky_relu] * len(hidden), None), generators)


def _signed(nets: nn.ModuleDict, z: Tensor, target: Tensor) -> Tensor:
    """Return corr(f(Z), g(T)) per member: the networks choose the sign."""
    g = target + nets["g"](target) if "g" in nets else target  # starts near the one-sided metric
    return correlation(nets["f"](z)[..., 0], g[..., 0])


@torch.no_grad()
def _scored(nets: nn.ModuleDict, z: Tensor, target: Tensor) -> Tensor:
    return _signed(nets, z, target).abs().cpu()
