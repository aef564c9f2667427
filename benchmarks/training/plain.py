"""The loops that the engine is measured against: eager fp32, per-image transforms, a DataLoader, one seed at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset, TensorDataset

from common.data.biased_mnist import PALETTE
from common.models.vision import models, transforms


class ColouredDigits(Dataset):
    """Digits on a coloured ground, coloured and normalised one by one."""

    def __init__(self, digits: np.ndarray, labels: np.ndarray, colours: np.ndarray) -> None:
        self.digits, self.labels, self.colours = digits, labels, colours
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)])

    def __len__(self) -> int:
        return len(self.digits)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int, int]:
        ground = np.empty((28, 28, 3), np.uint8)
        ground[:] = PALETTE[self.colours[row]]
        ground[self.digits[row] > 0] = 255
        return self.transform(Image.fromarray(ground)), int(self.labels[row]), int(self.colours[row])


class Pictures(Dataset):
    """Pictures cropped, flipped and normalised one by one."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images, self.labels = images, labels
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
            ]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.images[row].transpose(1, 2, 0))), int(self.labels[row])


def convolutional_network() -> nn.Sequential:
    """Return the biased-MNIST network as it is usually written."""
    layers: list[nn.Module] = []
    for before, after in ((3, 16), (16, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(before, after, 7, padding=3), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    layers[-1] = nn.Tanh()
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


def resnet() -> nn.Module:
    """Return ResNet-18 with the CIFAR stem as it is usually written."""
    net = models.resnet18(num_classes=10)
    net.conv1, net.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    return net


def perceptron(widths: Sequence[int], norm: bool) -> nn.Sequential:
    """Return a small network of linear layers, with BatchNorm or without."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), *([nn.BatchNorm1d(after)] if norm else []), nn.ReLU()]
    return nn.Sequential(*layers[: -2 if norm else -1])


def steps(
    net: nn.Module, data: Dataset | TensorDataset, batch: int, optimiser: torch.optim.Optimizer
) -> Iterator[None]:
    """Train without end and keep the mean loss, pausing after each step."""
    while True:
        total = 0.0
        for x, y, *_ in DataLoader(data, batch_size=batch, shuffle=True, drop_last=True):
            loss = cross_entropy(net(x), y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()
            yield
