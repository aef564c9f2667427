"""Frozen mechanisms at work: releases codes of chosen rows, for every seed and budget at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from common.training.checkpoint import load_tensors
from common.training.seeding import generator
from common.workflow.job import Job


class Released:
    """Codes ``(seeds, n, d)`` behind mechanisms of ``budgets`` (seeds x budgets members, seeds first).

    ``private (seeds, n)`` is what a filter is told. Budget 0 is the identity.
    """

    def __init__(self, codes: Tensor, deviation: Tensor | None, private: Tensor, state: dict[str, Tensor]) -> None:
        self.codes, self.deviation, self.private = codes, deviation, private
        self.state, self.each = state, next(iter(state.values())).shape[1]

    @property
    def members(self) -> int:
        """Seeds times budgets."""
        return len(self.codes) * self.each

    def shift(self, eps: Tensor, y: Tensor) -> Tensor:
        """Return z~ - z (seeds, budgets, rows, d) for one noise and one label per seed and row."""
        if "A" not in self.state:
            return self.state["sigma"][:, :, None, None] * eps[:, None]
        weights = self.state["A"]  # (seeds, budgets, d, d_eps + classes)
        classes = weights.shape[-1] - eps.shape[-1]
        told = torch.cat([eps, torch.nn.functional.one_hot(y, classes).to(eps)], -1)
        return told[:, None] @ weights.mT

    def draw(self, rows: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Return released codes (members, rows, d) of ``rows (seeds, rows)``; budgets of a seed share their noise."""
        d = self.codes.shape[-1]
        z = _pick(self.codes, rows)
        noise = torch.stack([torch.randn(rows.shape[1], 2 * d, generator=g) for g in generators])
        if self.deviation is not None:
            z = z + _pick(self.deviation, rows) * noise[..., d:]
        shift = self.shift(noise[..., :d], self.private.gather(1, rows))
        return (z[:, None] + shift).flatten(0, 1)

    def whole(self, generators: Sequence[torch.Generator]) -> Tensor:
        """Return one draw of every row, (members, n, d)."""
        seeds, n, _ = self.codes.shape
        return self.draw(torch.arange(n).expand(seeds, -1), generators)


def _pick(values: Tensor, rows: Tensor) -> Tensor:
    return torch.stack([v[r] for v, r in zip(values, rows, strict=True)])


def read_mechanisms(job: Job, seeds: Sequence[int], cell: str, budgets: Sequence[float]) -> dict[str, Tensor]:
    """Return what :class:`Released` needs of the mechanisms that job ``cell`` left, in the order of ``budgets``."""
    kept: dict[str, list[Tensor]] = {}
    for seed in seeds:
        tensors, _ = load_tensors(job.weights_path(seed, cell))
        known = [f"{b:g}" for b in tensors["budgets"].tolist()]  # of single precision: 0.3 is not among them as it is
        if "A" in tensors:
            values, name = tensors["A"], "A"
        else:
            values, name = tensors["log_sigma"].exp(), "sigma"
        rows = [values[known.index(f"{b:g}")] if b > 0 else torch.zeros_like(values[0]) for b in budgets]
        kept.setdefault(name, []).append(torch.stack(rows))
    return {name: torch.stack(values) for name, values in kept.items()}


def identity(seeds: int) -> dict[str, Tensor]:
    """Return the state of mechanisms that change nothing, one per seed."""
    return {"sigma": torch.zeros(seeds, 1)}


def draws(role: Sequence[str | int], seeds: Sequence[int], *name: str | int) -> list[torch.Generator]:
    """Return a generator per seed."""
    return [generator(*role, s, *name) for s in seeds]
