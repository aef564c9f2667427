"""The residual networks of He et al. (arXiv:1512.03385) for ImageNet, in torchvision's naming and order of draws.

Ours, because importing torchvision costs a job more than a second: its detection operators load torch's compiler. A
test holds weights (from the same seed, to the bit), outputs and names of depth 18, 34 and 50 to torchvision's.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import relu

LAYOUT = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
WIDTHS = (64, 128, 256, 512)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    grows = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        shortcut = _shortcut(inputs, width, stride)
        self.conv1, self.bn1 = _conv(inputs, width, 3, stride), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2, self.bn2 = _conv(width, width, 3), nn.BatchNorm2d(width)
        self.downsample = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to (n, width, h / stride, w / stride)."""
        kept = x if self.downsample is None else self.downsample(x)
        h = self.relu(self.bn1(self.conv1(x)))
        return relu(self.bn2(self.conv2(h)).add_(kept), inplace=True)


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride) and 1x1 convolutions to four times the width, and a shortcut."""

    grows = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        shortcut = _shortcut(inputs, width * self.grows, stride)
        self.conv1, self.bn1 = _conv(inputs, width, 1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = _conv(width, width, 3, stride), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = _conv(width, width * self.grows, 1), nn.BatchNorm2d(width * self.grows)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to (n, 4 width, h / stride, w / stride)."""
        kept = x if self.downsample is None else self.downsample(x)
        h = self.relu(self.bn1(self.conv1(x)))
        h = self.relu(self.bn2(self.conv2(h)))
        return relu(self.bn3(self.conv3(h)).add_(kept), inplace=True)


class ResNet(nn.Module):
    """The parts of a residual network of depth 18, 34 or 50 for images (n, 3, h, w) and a thousand classes."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        block = Bottleneck if depth == 50 else BasicBlock
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(64)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=2, padding=1)
        inputs = 64
        for index, (width, count) in enumerate(zip(WIDTHS, LAYOUT[depth], strict=True), 1):
            blocks = []
            for first in (True, *[False] * (count - 1)):
                blocks.append(block(inputs, width, 2 if first and index > 1 else 1))
                inputs = width * block.grows
            setattr(self, f"layer{index}", nn.Sequential(*blocks))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(inputs, 1000)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, 1000)."""
        h = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            h = layer(h)
        return self.fc(self.avgpool(h).flatten(1))


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """Return the projection where the shapes on both sides of a block differ."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(_conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
