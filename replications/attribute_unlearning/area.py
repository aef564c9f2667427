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


def attribute_net(p: Mapping[str, Any], seed: int, classes: int, machine: Machine) -> nn.ModuleDict:
    """Return a fresh classifier of the attribute, in the two pieces that training knows."""
    nets = networks.model({**p, "method": "area"}, DEPTH, seed, (classes, classes), machine)
    return nets


def maps(nets: Mapping[str, nn.Module], x: Tensor, z: Tensor) -> Tensor:
    """Return the maps (n, side, side) in [0, 1] of uint8 images for their attribute, at the last stage."""
    whole = nn.Sequential(nets["extractor"], nets["classifier"])
    last_stage = nets["classifier"][-3]  # then pooling and the linear layer
    nothing = torch.Generator()
    pairs = zip(x.split(READ_BATCH), z.split(READ_BATCH), strict=True)
    return torch.cat([gradcam(whole, last_stage, UNIT(part, nothing), own) for part, own in pairs])


def without_area(nets: Mapping[str, nn.Module], data: Batch, share: float, colour: Tensor) -> Batch:
    """Return the data with the key area of each image painted in ``colour (3,)``, 0 to 255."""
    return {**data, "x": remove_area(data["x"], maps(nets, data["x"], data["z"]), share, colour)}


def mean_colour(x: Tensor) -> Tensor:
    """Return the mean colour (3,) of uint8 images."""
    return torch.stack([x[:, k].double().mean() for k in range(x.shape[1])])
