"""The fairness networks of the authors' code as a stack of seeds, and their per-seed plateau schedule and snapshot."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from common.losses.correlation import correlation
from replications.sliced_infomin.method import Generators, Infomin
from replications.sliced_infomin.stack import Stack, slope_02

CODE = 80  # dimensions of Z


def encoder(d: int, generators: Generators) -> Stack:
    """Return f: d - 200 (no activation) - 200 (leaky ReLU 0.2) - 80, Z = sin(.): 62,880 parameters for d = 32."""
    return Stack((d, 200, 200, CODE), (None, slope_02, torch.sin), generators)


def utility_head(generators: Generators) -> Stack:
    """Return the head whose |corr(head(Z), Y)| is the utility: 80-100-100-1."""
    return Stack((CODE, 100, 100, 1), (leaky_relu, leaky_relu, None), generators)


class FairNet(nn.Module):
    """Encoder, utility head and infomin proxy, with what each member's schedule and snapshot remember as buffers."""

    def __init__(self, d: int, infomin: Infomin, generators: Generators) -> None:
        super().__init__()
        members = len(generators)
        self.encoder, self.head, self.infomin = encoder(d, generators), utility_head(generators), infomin
        self.kept = nn.ModuleDict({"encoder": copy.deepcopy(self.encoder), "head": copy.deepcopy(self.head)})
        self.kept.requires_grad_(False)
        for name, start in (("kept_loss", math.inf), ("kept_epoch", -1.0), ("lowest", math.inf), ("bad", 0.0)):
            self.register_buffer(name, torch.full((members,), start))
        self.register_buffer("rate", torch.ones(members))

    def utility(self, z: Tensor, y: Tensor) -> Tensor:
        """Return |corr(head(Z), Y)| per member."""
        return correlation(self.head(z)[..., 0], y[..., 0]).abs()

    @torch.no_grad()
    def keep_best(self, loss: Tensor, epoch: int) -> None:
        """Copy the members whose validation loss is their lowest so far into the snapshot."""
        better = loss < self.kept_loss
        self.kept_loss.copy_(torch.where(better, loss, self.kept_loss))
        self.kept_epoch.copy_(torch.where(better, float(epoch), self.kept_epoch))
        for name, module in self.kept.items():
            for kept, now in zip(module.parameters(), getattr(self, name).parameters(), strict=True):
                kept[better] = now[better]

    @torch.no_grad()
    def plateau(self, loss: Tensor, patience: int, gamma: float = 0.1, threshold: float = 1e-4) -> None:
        """Lower each member's rate as torch's ReduceLROnPlateau would (relative threshold), by itself."""
        margin = loss < self.lowest - threshold * torch.where(self.lowest.isfinite(), self.lowest.abs(), 0.0)
        self.lowest.copy_(torch.where(margin, loss, self.lowest))
        self.bad.copy_(torch.where(margin, 0.0, self.bad + 1))
        drop = self.bad > patience
        self.rate.mul_(torch.where(drop, gamma, 1.0))
        self.bad.masked_fill_(drop, 0.0)

    @torch.no_grad()
    def final(self) -> tuple[Stack, Stack]:
        """Return encoder and head that count: each member's snapshot where one was taken, else its last state."""
        none = self.kept_epoch < 0
        found = copy.deepcopy(self.kept)
        for name, module in found.items():
            for counts, now in zip(module.parameters(), getattr(self, name).parameters(), strict=True):
                counts[none] = now[none]
        return found["encoder"], found["head"]


class MemberAdam(torch.optim.Adam):
    """Adam whose step is scaled per member of a stack: ``scale`` (members,), changed in place by a schedule."""

    def __init__(self, parameters: Any, lr: float, scale: Tensor) -> None:
        super().__init__(parameters, lr=lr, fused=True)
        self.scale = scale

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take a step, each member's at its own rate."""
        if bool((self.scale == 1).all()):
            return super().step(closure)
        own = [p for group in self.param_groups for p in group["params"]]
        before = [p.clone() for p in own]
        found = super().step(closure)
        for p, old in zip(own, before, strict=True):
            p.copy_(torch.lerp(old, p, self.scale.reshape(-1, *[1] * (p.ndim - 1))))
        return found
