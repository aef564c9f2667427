"""rho*(Z, Y) and rho*(Z, T) by several fresh readers of frozen codes, scored on rows none of them has seen.

The paper's metric is sup_{h, g} rho(h(Z), g(T)): whatever reads best counts, and one network that misses something is
no supremum. Its code keeps g = identity, which gives the correlation ratio, a lower bound that equals the metric for a
binary T; both are measured, ``two_sided`` learns g as well.

The code's own reader, a network on the codes as they come, sees little of what lies in directions of small variance,
and a penalty on random slices leaves just these; whoever holds the codes can rescale them. So one network and one set
of trees read the *decorrelated* codes. Readers learn from four fifths of the rows, and the last fifth chooses among
them: a maximum over readings of the test rows themselves would flatter by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from common.estimators.optimiser import FlatAdam
from common.evaluation.decorrelated import decorrelated
from common.losses.correlation import correlation
from common.training.seeding import generator
from replications.sliced_infomin.stack import Stack, take_rows

LAST = 500  # the code scores the last rows of the test split


@dataclass(frozen=True)
class Codes:
    """Codes (members, n, d) of rows to learn from and of rows to score on, with the column (members, n, 1) to read.

    Raises :class:`ValueError` where a member's column is constant in a part: nothing correlates with that, and a
    reader fitted to it is a reader of noise.
    """

    train: Tensor
    target: Tensor
    test: Tensor
    test_target: Tensor

    def __post_init__(self) -> None:
        parts = {
            "the rows to fit to": self.target[:, : self.cut],
            "the held-out fifth": self.target[:, self.cut :],
            "the test rows": self.test_target,
        }
        for name, column in parts.items():
            constant = (column == column[:, :1]).all(1).flatten()
            if bool(constant.any()):
                member = int(torch.nonzero(constant)[0])
                raise ValueError(f"member {member}: what is to be read is constant in {name}; draw the rows at random")

    @property
    def cut(self) -> int:
        """Rows to fit to; those behind choose the snapshot and the reader."""
        return int(0.8 * self.train.shape[1])

    def decorrelated(self) -> Codes:
        """Return the codes in units of their principal directions on the rows that readers are fitted to."""
        train, test = decorrelated(self.train[:, : self.cut], self.train, self.test)
        return Codes(train, self.target, test, self.test_target)


@dataclass(frozen=True)
class Settings:
    """Hidden widths of f, Adam's steps, batch and rate, how often the held-out fifth is looked at, rounds of trees."""

    hidden: tuple[int, ...] = (200,)
    steps: int = 1500
    batch: int = 500
    lr: float = 1e-3
    check: int = 50
    rounds: int = 300


@dataclass(frozen=True)
class Reading:
    """|rho| per member on the held-out rows, on the test rows and on the last of these."""

    held: Tensor
    value: Tensor
    last: Tensor


@dataclass(frozen=True)
class Judged:
    """What the strongest reader finds, per member; each reader's own value; and which was the strongest."""

    value: Tensor
    last: Tensor
    readings: dict[str, Reading]
    chosen: list[str]


def strongest(readings: dict[str, Reading]) -> Judged:
    """Return, per member, the reading whose held-out value is the highest."""
    names = list(readings)
    best = torch.stack([readings[name].held for name in names]).argmax(0)
    picked = {
        part: torch.stack([getattr(readings[name], part) for name in names]).gather(0, best[None])[0]
        for part in ("value", "last")
    }
    return Judged(picked["value"], picked["last"], readings, [names[k] for k in best.tolist()])


def judge(
    codes: Codes,
    settings: Settings,
    roles: list[tuple[str | int, ...]],
    two_sided: bool = False,
    more: dict[str, Reading] | None = None,
) -> Judged:
    """Fit every reader anew and return the strongest; ``more`` are readings of readers that are there already.

    ``code`` is the reader of the authors' code; of trees and of least squares there is no two-sided form.
    """
    turned = codes.decorrelated()
    found = dict(more or {})
    sides = {"code": codes, "turned": turned}
    for name, own in sides.items():
        key = f"{name}_two_sided" if two_sided else name
        found[key] = network(own, settings, [(*role, name) for role in roles], two_sided)
    if not two_sided:
        found["linear"] = linear(turned)
        for name, own in sides.items():
            found["trees" if name == "code" else "turned_trees"] = boosted(own, settings.rounds)
    return strongest(found)


def network(codes: Codes, settings: Settings, roles: list[tuple[str | int, ...]], two_sided: bool = False) -> Reading:
    """Train fresh networks, one per member, to correlate; the held-out rows pick each one's snapshot."""
    generators = [generator(*role) for role in roles]
    nets = nn.ModuleDict({"f": _network(codes.train.shape[-1], settings.hidden, generators)})
    if two_sided:
        nets["g"] = _network(1, (64, 64), generators)
    nets.to(codes.train.device)
    cut = codes.cut
    adam = FlatAdam(nets, settings.lr)
    members = codes.train.shape[0]
    found = Reading(torch.full((members,), -1.0), torch.zeros(members), torch.zeros(members))
    with torch.enable_grad():
        for step in range(1, settings.steps + 1):
            rows = torch.stack([torch.randint(cut, (settings.batch,), generator=g) for g in generators])
            z, target = (take_rows(v, rows.to(v.device)) for v in (codes.train, codes.target))
            adam.zero_grad()
            (-_signed(nets, z, target).sum()).backward()
            adam.step()
            if step % settings.check == 0 or step == settings.steps:
                found = _better(found, nets, codes)
    return found


@torch.no_grad()
def _better(found: Reading, nets: nn.ModuleDict, codes: Codes) -> Reading:
    """Return the reading with the members that the held-out rows like better now taken over."""
    held = _signed(nets, codes.train[:, codes.cut :], codes.target[:, codes.cut :]).abs().cpu()
    better = held > found.held
    if not bool(better.any()):
        return found
    tail = slice(-LAST, None)
    value = _signed(nets, codes.test, codes.test_target).abs().cpu()
    last = _signed(nets, codes.test[:, tail], codes.test_target[:, tail]).abs().cpu()
    return Reading(
        *(torch.where(better, new, old) for new, old in ((held, found.held), (value, found.value), (last, found.last)))
    )


def scored(held: Tensor, unseen: Tensor, codes: Codes) -> Reading:
    """Return the reading of scores (members, n) of the held-out and of the test rows."""
    target, tail = codes.test_target[..., 0], slice(-LAST, None)
    return Reading(
        correlation(held, codes.target[:, codes.cut :, 0]).abs().cpu(),
        correlation(unseen, target).abs().cpu(),
        correlation(unseen[:, tail], target[:, tail]).abs().cpu(),
    )


def linear(codes: Codes, ridge: float = 1e-3) -> Reading:
    """Return ridge regression's reading; ``ridge`` is in units of the codes' variance, one if they are decorrelated."""
    x, y = codes.train[:, : codes.cut].double(), codes.target[:, : codes.cut].double()
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    eye = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    weights = torch.linalg.solve(x.mT @ x / x.shape[1] + ridge * eye, x.mT @ y / x.shape[1]).float()
    return scored((codes.train[:, codes.cut :] @ weights)[..., 0], (codes.test @ weights)[..., 0], codes)


def boosted(codes: Codes, rounds: int) -> Reading:
    """Return the reading of boosted regression trees, stopped when a tenth held back has not gained for ten rounds."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    held, unseen = [], []
    for k in range(len(codes.train)):
        z, y = codes.train[k].cpu().numpy(), codes.target[k, :, 0].cpu().numpy()
        trees = HistGradientBoostingRegressor(max_iter=rounds, early_stopping=True, random_state=0)
        trees.fit(z[: codes.cut], y[: codes.cut])
        held.append(trees.predict(z[codes.cut :]))
        unseen.append(trees.predict(codes.test[k].cpu().numpy()))
    return scored(*(torch.from_numpy(np.stack(v)).float().to(codes.train.device) for v in (held, unseen)), codes)


def _network(d: int, hidden: tuple[int, ...], generators: list[torch.Generator]) -> Stack:
    return Stack((d, *hidden, 1), (*[leaky_relu] * len(hidden), None), generators)


def _signed(nets: nn.ModuleDict, z: Tensor, target: Tensor) -> Tensor:
    """Return corr(f(Z), g(T)) per member: the networks choose the sign."""
    g = target + nets["g"](target) if "g" in nets else target  # starts near the one-sided metric
    return correlation(nets["f"](z)[..., 0], g[..., 0])
