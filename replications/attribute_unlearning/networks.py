"""The split ResNet, its auxiliary network, and the attacker's network; each started from its seed alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from common.models.initial import build, linear
from common.models.resnet import STAGES, ResNetEncoder, resnet_encoder
from common.training.arrange import arrange
from common.training.machine import Machine
from common.training.seeding import generator
from replications.attribute_unlearning.enlarged import EnlargedConv2d

MEAN, STD = (0.4914, 0.4824, 0.4467), (0.2470, 0.2435, 0.2616)  # of CIFAR-10, as InfoPro has them
AUXILIARY = ("decoder", "task_head", "attribute_head")
EMBEDDING = 128  # InfoPro's width of hidden and embedding layers


class Standardise(nn.Module):
    """Maps images in [0, 1] to zero mean and unit spread per channel: whoever reads the network hands it pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).reshape(3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).reshape(3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return standardised images."""
        return (x - self.mean) / self.std


class Decoder(nn.Module):
    """Maps h (n, c, a, b) to logits of the image (n, 3, side, side): InfoPro's upsampling and two convolutions."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            EnlargedConv2d(channels, 12, 3, side),
            nn.BatchNorm2d(12),
            nn.ReLU(),
            nn.Conv2d(12, 3, 3, padding=1),
        )

    def forward(self, h: Tensor) -> Tensor:
        """Return the logits; their sigmoid is the picture."""
        return self.layers(h)


class Rebuilder(nn.Module):
    """Figure 4's decoder, h (n, c, a, b) to logits (n, 3, side, side): sides double, widths halve, 16 at least (D13).

    InfoPro's :class:`Decoder` enlarges h in one go: where h has an eighth of the image's side it blurs what h tells.
    """

    def __init__(self, channels: int, inside: int, side: int) -> None:
        super().__init__()
        self.side = side
        layers: list[nn.Module] = []
        while inside < side:
            narrow = max(channels // 2, 16)
            layers += [nn.Conv2d(channels, narrow, 3, padding=1, bias=False), nn.BatchNorm2d(narrow), nn.ReLU()]
            layers += [nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)]
            channels, inside = narrow, 2 * inside
        self.layers = nn.Sequential(*layers)
        self.last = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, h: Tensor) -> Tensor:
        """Return the logits; their sigmoid is the picture."""
        wide = self.layers(h)
        if wide.shape[-1] != self.side:
            wide = interpolate(wide, (self.side, self.side), mode="bilinear", align_corners=False)
        return self.last(wide)


class Head(nn.Module):
    """Maps h to a unit vector for contrast, or to ``classes`` logits: one convolution and two linear layers."""

    def __init__(self, channels: int, classes: int = 0) -> None:
        super().__init__()
        self.unit = classes == 0
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(channels, EMBEDDING),
            nn.ReLU(),
            nn.Linear(EMBEDDING, classes or EMBEDDING),
        )

    def forward(self, h: Tensor) -> Tensor:
        """Return (n, 128) of length 1, or logits (n, classes)."""
        read = self.layers(h)
        return normalize(read.float(), dim=1) if self.unit else read


def channels_of(extractor: nn.Module) -> int:
    """Return how many channels leave Phi: as many as its widest convolution has."""
    return max(m.out_channels for m in extractor.modules() if isinstance(m, nn.Conv2d))


def split(p: Mapping[str, Any], depth: int, seed: int, classes: int) -> dict[str, nn.Module]:
    """Return Phi and Omega: a ResNet of ``depth`` cut after ``p["stage"]``, the same start for every method."""
    encoder = resnet_encoder(generator("attribute_unlearning", "encoder", depth, seed), depth, stem=p["stem"])
    lower, upper = encoder.parts(p["stage"])
    last = linear(encoder.width, classes, generator("attribute_unlearning", "classifier", depth, seed))
    return {"extractor": nn.Sequential(Standardise(), *lower), "classifier": nn.Sequential(*upper, last)}


def model(p: Mapping[str, Any], depth: int, seed: int, classes: tuple[int, int], machine: Machine) -> nn.ModuleDict:
    """Return the networks of a method: Phi and Omega and, for unlearning, the auxiliary network.

    ``classes``: of the task, of the attribute.
    """
    nets = split(p, depth, seed, classes[0])
    if p["method"] == "unlearn":
        channels = channels_of(nets["extractor"])
        made = {
            "decoder": lambda: Decoder(channels, p["side"]),
            "task_head": lambda: Head(channels),
            "attribute_head": lambda: Head(channels, classes[1] if p["entropy"] else 0),
        }
        for name in AUXILIARY:
            nets[name] = build(made[name], generator("attribute_unlearning", name, depth, seed))
    return arrange(nn.ModuleDict(nets), machine)


def attacker(channels: int, classes: int, seed: int, machine: Machine) -> nn.Module:
    """Return the attack's network: ResNet-18 on h, its stem a 1x1 convolution so that no pixel of h is lost (D6)."""

    def body() -> nn.Module:
        encoder = ResNetEncoder(18, "cifar", channels)
        stem = nn.Sequential(nn.Conv2d(channels, 64, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU())
        stages = [getattr(encoder, name) for name in STAGES[1:]]
        return nn.Sequential(stem, *stages, nn.Linear(encoder.width, classes))

    return arrange(build(body, generator("attribute_unlearning", "attacker", seed)), machine)


def pooled(classifier: nn.Module) -> nn.Sequential:
    """Return Omega without its linear layer, which maps h to the last pooled feature."""
    assert isinstance(classifier, nn.Sequential)  # noqa: S101 - for the type checker
    return classifier[:-1]
