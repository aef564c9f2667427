"""Baseline 2: the area that Grad-CAM names for the attribute is painted over, and the task trained on what is left.

An attribute classifier is trained first; the map is that of its score for the image's true attribute (section 4.1,
Figure 3). What share of an image goes is not printed (D7).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from common.evaluation.gradcam import gradcam, remove_area
from common.training.batches import Batch
from common.training.machine import Machine
from replications.attribute_unlearning import networks
from replications.attribute_unlearning.data import UNIT
from replications.attribute_unlearning.training import READ_BATCH

DEPTH = 18  # of the attribute's classifier, for task networks of every depth
LEAST_SIDE = 4  # places that a map has a side, at least: of 2x2 there is no area to name


def attribute_net(p: Mapping[str, Any], seed: int, classes: int, machine: Machine) -> nn.ModuleDict:
    """Return a fresh classifier of the attribute, in the two pieces that training knows."""
    nets = networks.model({**p, "method": "area"}, DEPTH, seed, (classes, classes), machine)
    return nets


def maps(nets: Mapping[str, nn.Module], x: Tensor, z: Tensor) -> Tensor:
    """Return the maps (n, side, side) in [0, 1] of uint8 images for their attribute, at the stage of :func:`stage`."""
    whole = nn.Sequential(nets["extractor"], nets["classifier"])
    layer, _ = stage(nets, x.shape[-1])
    nothing = torch.Generator()
    pairs = zip(x.split(READ_BATCH), z.split(READ_BATCH), strict=True)
    return torch.cat([gradcam(whole, layer, UNIT(part, nothing), own) for part, own in pairs])


def stage(nets: Mapping[str, nn.Module], side: int) -> tuple[nn.Module, int]:
    """Return the last stage whose map of images of ``side`` pixels has ``LEAST_SIDE`` places a side, and how many.

    The last of all has 8 at 64x64 and 4 at 32x32, but 2 at 16x16: there it is the one before. Of images too small for
    that it is the first, whose map is the widest.
    """
    first = next(nets["extractor"].parameters())
    h = torch.zeros(1, 3, side, side, device=first.device, dtype=first.dtype)
    seen: list[tuple[nn.Module, int]] = []
    for net in (nets["extractor"], nets["classifier"]):
        was = net.training
        net.eval()
        with torch.no_grad():
            for layer in net.children():
                h = layer(h)
                if h.ndim == 4 and any(True for _ in layer.parameters()):  # a stage, no standardising and no pooling
                    seen.append((layer, h.shape[-1]))
        net.train(was)
    fits = [found for found in seen if found[1] >= LEAST_SIDE]
    return fits[-1] if fits else seen[0]


def key_area(maps: Tensor, share: float) -> Tensor:
    """Return where the key area of ``maps (n, h, w)`` is, as booleans: up to ``share`` of the pixels.

    Pixels that do not speak for the attribute are none of it, so that it may be less.
    """
    return remove_area(torch.zeros_like(maps)[:, None], maps, share, 1.0)[:, 0].bool()


def without_area(nets: Mapping[str, nn.Module], data: Batch, share: float, colour: Tensor) -> Batch:
    """Return the data with the key area of each image painted in ``colour (3,)``, 0 to 255."""
    return {**data, "x": remove_area(data["x"], maps(nets, data["x"], data["z"]), share, colour)}


def mean_colour(x: Tensor) -> Tensor:
    """Return the mean colour (3,) of uint8 images."""
    return torch.stack([x[:, k].double().mean() for k in range(x.shape[1])])
