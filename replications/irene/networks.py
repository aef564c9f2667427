"""The networks of both data sets, each started from its seed alone: every method and every rho starts the same."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from common.models.initial import linear
from common.models.plain_conv import plain_conv_encoder
from common.models.resnet import resnet_encoder
from common.training.arrange import arrange
from common.training.machine import Machine
from common.training.seeding import generator
from replications.irene.baselines import BiasedNet

DEBIASED = ("rubi", "rebias", "learnedmixin")


def encoder(p: dict[str, Any], seed: int, machine: Machine) -> nn.Module:
    """Return F: four 7x7 convolutions for digits (p["last"] closes them, D3), ResNet-18 for faces."""
    random = generator("irene", "encoder", seed)
    net = plain_conv_encoder(random, last=p["last"]) if "last" in p else resnet_encoder(random, 18, stem="imagenet")
    return net.to(machine.device)


def model(p: dict[str, Any], seed: int, classes: tuple[int, int], machine: Machine) -> nn.ModuleDict:
    """Return F, G, H and, for a debiasing method, its fusion layer; ``classes``: of the target, of v.

    The biased network of RUBi and ReBias is inside, for it trains along; see :func:`biased_net` for LearnedMixIn's.
    """
    f = encoder(p, seed, machine)
    nets = {
        "encoder": f,
        "target": linear(f.width, classes[0], generator("irene", "target", seed)),
        "private": linear(f.width, classes[1], generator("irene", "private", seed)),
    }
    method = p["method"]
    if method in ("rubi", "rebias"):
        nets["biased"] = biased_net(seed, classes[0])
    if method == "rubi":
        nets["fusion"] = linear(nets["biased"].encoder.width, classes[0], generator("irene", "fusion", seed))
    if method == "learnedmixin":
        nets["fusion"] = linear(f.width, 1, generator("irene", "fusion", seed))
    return arrange(nn.ModuleDict(nets), machine)


def biased_net(seed: int, classes: int) -> BiasedNet:
    """Return g: F of the digits with 1x1 kernels, which sees colours and no shapes (D8 for faces)."""
    g = plain_conv_encoder(generator("irene", "biased", seed), kernel=1)
    return BiasedNet(g, linear(g.width, classes, generator("irene", "biased head", seed)))


@torch.no_grad()
def read(nets: nn.ModuleDict, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return bottleneck, target logits and private logits of a batch."""
    z = nets["encoder"](x)
    return z, nets["target"](z), nets["private"](z)
