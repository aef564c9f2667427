"""Pairs of rows for critics: which rows meet (joint and marginal pairs), and their values laid side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from common.models import fused


class PairSampler:
    """Draws row indices of joint and marginal pairs, batch by batch, for each member of a stack.

    One permutation of the ``rows`` makes a pass; within a batch the marginal partner is a permutation of the same
    rows (on average one pair meets itself) or, with ``derange``, a rotation by one (no pair does).
    """

    def __init__(self, rows: int, batch: int, generators: Sequence[torch.Generator], derange: bool = False) -> None:
        if not 1 < batch <= rows:
            raise ValueError(f"batch of {batch} does not fit {rows} rows: it must lie between 2 and the rows")
        self.rows, self.batch, self.derange = rows, batch, derange
        self.generators = list(generators)

    @property
    def batches(self) -> int:
        """Whole batches in one pass; a remainder smaller than a batch is left to the next pass's permutation."""
        return self.rows // self.batch

    def one_pass(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield ``(joint rows, marginal rows of y)``, each ``(members, batch)``, for one pass over the data."""
        device = self.generators[0].device
        order = torch.stack([torch.randperm(self.rows, generator=g, device=device) for g in self.generators])
        for rows in order[:, : self.batches * self.batch].split(self.batch, 1):
            yield rows, self._partners(rows)

    def _partners(self, rows: Tensor) -> Tensor:
        if self.derange:
            return rows.roll(1, 1)
        device = rows.device
        mixed = [torch.randperm(self.batch, generator=g, device=device) for g in self.generators]
        return rows.gather(1, torch.stack(mixed))


def take_rows(values: Tensor, rows: Tensor) -> Tensor:
    """Return ``values[k, rows[k]]`` per member: ``(members, n, d)`` and ``(members, b)`` to ``(members, b, d)``."""
    members, n, features = values.shape
    if values.stride(0) == 0:  # one data set shared by all members: no copy of it for each
        return values[0].index_select(0, rows.reshape(-1)).reshape(members, -1, features)
    flat = rows + torch.arange(members, device=rows.device)[:, None] * n
    # One index_select over all members: measured three times faster on CPU than indexing with two tensors.
    return values.reshape(-1, features).index_select(0, flat.reshape(-1)).reshape(members, -1, features)


class PairTable:
    """x and y side by side in one dtype, from which a critic's inputs are filled without a temporary per side.

    ``x (members, n, d_x)``, ``y (members, n, d_y)``; one data set that all members share is kept once.
    """

    def __init__(self, x: Tensor, y: Tensor, dtype: torch.dtype) -> None:
        members, n, self.split = x.shape
        if members > 1 and x.stride(0) == 0 and y.stride(0) == 0:
            x, y, members = x[:1], y[:1], 1
        self.both = torch.cat([x.detach(), y.detach()], -1).to(dtype).flatten(0, 1)
        self.kernel = fused.in_use() if dtype == torch.bfloat16 else None
        self.y = self.both[:, self.split :].contiguous()
        self.offset = torch.arange(members, device=x.device)[:, None] * n if members > 1 else None

    def fill(self, inputs: Tensor, rows: Tensor, partners: Tensor) -> None:
        """Write joint pairs ``rows``, then marginal ones (x of ``rows``, y of ``partners``), each (members, b)."""
        if self.offset is not None:
            rows, partners = rows + self.offset, partners + self.offset
        members, size = rows.shape
        if self.kernel:
            for own, joint, other in zip(inputs, rows.contiguous(), partners.contiguous(), strict=True):
                fused.fill_pairs(self.kernel, self.both, self.split, joint, other, own)
            return
        pairs = self.both.index_select(0, rows.reshape(-1)).view(members, size, -1)
        inputs[:, :size] = pairs
        inputs[:, size:, : self.split] = pairs[..., : self.split]
        inputs[:, size:, self.split :] = self.y.index_select(0, partners.reshape(-1)).view(members, size, -1)
