"""Augmentation of whole batches: uint8 images in, floats out, every random choice from a generator.

``images(name, …)`` makes of these functions the transform that :class:`common.training.batches.Batches` takes. Each
function maps ``(n, c, h, w)`` and a CPU generator to a batch; choices are per image, drawn on the CPU (a few numbers
each), so that they do not depend on the device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from common.training.batches import Batch, Transform

Change = Callable[[Tensor, torch.Generator], Tensor]


def images(name: str, *changes: Change) -> Transform:
    """Return a transform that applies ``changes`` in turn to the images called ``name`` (of each member of a stack).

    It raises ``ValueError`` where one of them draws and it was given no ``noise`` to draw from.
    """

    def transform(batch: Batch, noise: Sequence[torch.Generator]) -> Batch:
        x = batch[name]
        if x.ndim == 5:
            changed = torch.stack([_apply(changes, own, g) for own, g in zip(x, noise, strict=True)])
        else:
            changed = _apply(changes, x, noise[0]) if noise else _apply_without_noise(changes, x)
        return {**batch, name: changed}

    return transform


def _apply(changes: Sequence[Change], x: Tensor, generator: torch.Generator) -> Tensor:
    for change in changes:
        x = change(x, generator)
    return x


def _apply_without_noise(changes: Sequence[Change], x: Tensor) -> Tensor:
    """Apply changes that draw nothing; a generator of our own would give every batch the same draws."""
    spare = torch.Generator()
    before = spare.get_state()
    changed = _apply(changes, x, spare)
    if not torch.equal(spare.get_state(), before):
        raise ValueError("a change of these images is random: give the batches a generator to draw from (noise=)")
    return changed


def crop(padding: int) -> Change:
    """Return the random crop of the usual CIFAR recipe: pad with nought, cut the old size at a random place."""

    def change(x: Tensor, generator: torch.Generator) -> Tensor:
        n, c, h, w = x.shape
        padded = torch.nn.functional.pad(x, (padding, padding, padding, padding))
        offsets = torch.randint(0, 2 * padding + 1, (2, n), generator=generator).to(x.device)
        rows = offsets[0, :, None] + torch.arange(h, device=x.device)
        columns = offsets[1, :, None] + torch.arange(w, device=x.device)
        padded = padded.gather(2, rows[:, None, :, None].expand(-1, c, -1, w + 2 * padding))
        return padded.gather(3, columns[:, None, None, :].expand(-1, c, h, -1))

    return change


def flip(p: float = 0.5) -> Change:
    """Return the horizontal flip of each image with probability ``p``."""

    def change(x: Tensor, generator: torch.Generator) -> Tensor:
        turned = (torch.rand(len(x), generator=generator) < p).to(x.device)
        return torch.where(turned[:, None, None, None], x.flip(-1), x)

    return change


def normalise(mean: Sequence[float] | float = 0.5, std: Sequence[float] | float = 0.5) -> Change:
    """Return uint8 to float: v / 255, less ``mean``, over ``std``, per channel."""

    def change(x: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG001
        scale, shift = _affine(mean, std, x.device)
        return torch.addcmul(shift, x.float(), scale)

    return change


def _affine(mean: Sequence[float] | float, std: Sequence[float] | float, device: torch.device) -> tuple[Tensor, Tensor]:
    centre, spread = (torch.tensor(v, dtype=torch.float64).reshape(-1, 1, 1) for v in (mean, std))
    return (1 / (255 * spread)).float().to(device), (-centre / spread).float().to(device)
