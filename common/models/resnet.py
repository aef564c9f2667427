"""ResNet encoders in named stages, so that they can be split at a middle feature.

Source: He et al. (arXiv:1512.03385), :mod:`common.models.residual`. The CIFAR stem is one 3x3 convolution of stride 1
without pooling, for images of 32x32; the ImageNet stem is the original's.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from common.models.initial import build
from common.models.residual import ResNet

DEPTHS = (18, 34, 50)
STAGES = ("stem", "stage1", "stage2", "stage3", "stage4", "pool")
Stem = Literal["cifar", "imagenet"]


class ResNetEncoder(nn.Module):
    """Maps images (n, 3, h, w) to features (n, ``width``): 512, or 2048 for depth 50."""

    def __init__(self, depth: int, stem: Stem = "cifar", inputs: int = 3) -> None:
        super().__init__()
        if depth not in DEPTHS:
            raise ValueError(f"depth must be one of {', '.join(map(str, DEPTHS))}, got {depth}")
        net = ResNet(depth)
        self.width = net.fc.in_features
        if stem == "cifar":
            self.stem = nn.Sequential(nn.Conv2d(inputs, 64, 3, padding=1, bias=False), net.bn1, net.relu)
        elif stem == "imagenet":
            first = net.conv1 if inputs == 3 else nn.Conv2d(inputs, 64, 7, stride=2, padding=3, bias=False)
            self.stem = nn.Sequential(first, net.bn1, net.relu, net.maxpool)
        else:
            raise ValueError(f"stem must be cifar or imagenet, got {stem!r}")
        self.stage1, self.stage2, self.stage3, self.stage4 = net.layer1, net.layer2, net.layer3, net.layer4
        self.pool = nn.Sequential(net.avgpool, nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        """Return the pooled features (n, width) of images (n, c, h, w)."""
        return self.until(x, "pool")

    def until(self, x: Tensor, stage: str) -> Tensor:
        """Return what leaves ``stage`` (one of :data:`STAGES`)."""
        for name in STAGES[: STAGES.index(stage) + 1]:
            x = getattr(self, name)(x)
        return x

    def after(self, x: Tensor, stage: str) -> Tensor:
        """Return the pooled features (n, width) of what left ``stage``."""
        for name in STAGES[STAGES.index(stage) + 1 :]:
            x = getattr(self, name)(x)
        return x

    def parts(self, stage: str) -> tuple[nn.ModuleList, nn.ModuleList]:
        """Return the modules up to ``stage`` and those after it, for optimisers of their own."""
        cut = STAGES.index(stage) + 1
        below, above = ([getattr(self, name) for name in names] for names in (STAGES[:cut], STAGES[cut:]))
        return nn.ModuleList(below), nn.ModuleList(above)


def resnet_encoder(generator: torch.Generator, depth: int, stem: Stem = "cifar") -> ResNetEncoder:
    """Return the encoder with weights drawn from ``generator``."""
    return build(lambda: ResNetEncoder(depth, stem), generator)
