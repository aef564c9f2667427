"""What one seed of each experiment of attribute unlearning has to compute, for the plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.workflow.cost import Work

# Multiply-adds of one forward pass per pixel, stem of stride 1 (0.555, 1.159 and 1.298 G at 32x32), the share of it
# below the cut after stage 2, and the channels of h.
_FORWARD = {18: 0.555e9 / 32**2, 34: 1.159e9 / 32**2, 50: 1.298e9 / 32**2}
_BELOW = {18: 0.52, 34: 0.44, 50: 0.43}
_CHANNELS = {18: 128, 34: 128, 50: 512}
_MLP_EPOCHS = 40  # a fresh attacker's fit, as it went
_WAYS, _MEETINGS = 3, 4  # of training that are clocked, and the steps that memory is the most of


def work(experiment: str, p: dict[str, Any]) -> Work:
    """Return the optimiser steps and operations of one seed (a multiply-add is two; backward is twice forward).

    ``p`` are the job's own parameters over those of the training that it reads: sizes and depths are that one's.
    """
    if experiment in ("lemmas", "attention"):
        return Work(0, 0)
    if experiment == "parallel":
        return timing(p)
    if experiment == "lambdas":
        pairs = len(p["grid2"]) * len(p["grid3"])
        own = training(p)
        read = attack(p["side"], p["depths"], p["attack_images"], p["attack_epochs"], p["batch"], p["test_images"])
        return Work(pairs * (own.steps + read.steps), 0, conv_flop=pairs * (own.conv_flop + read.conv_flop))
    if experiment == "reconstruction":
        return reconstruction(p)
    if experiment.endswith("_attack"):
        probes = {depth: p["probe_images"] for depth in p["depths"] if depth in p["probed"]}
        own = p["train_images"], p["epochs"], p["batch"], p["test_images"]
        return attack(p["side"], p["depths"], *own, probes)
    return training(p)


def training(p: dict[str, Any]) -> Work:
    """Return the work of training every depth, with the attribute's classifier where an area is removed."""
    batches = max(1, p["train_images"] // p["batch"])
    seen = p["epochs"] * batches * p["batch"]
    pixels = p["side"] ** 2
    flop = 0.0
    for depth in [*p["depths"], *([18] if p["method"] == "area" else [])]:
        forward = pixels * _FORWARD[depth] + (auxiliary(pixels, depth) if p["method"] == "unlearn" else 0)
        flop += 6 * forward * seen + 2 * forward * p["test_images"]
    if p["method"] == "area":
        flop += 6 * pixels * _FORWARD[18] * (p["train_images"] + p["test_images"])  # the maps
    return Work(len(p["depths"]) * p["epochs"] * batches, 0, conv_flop=flop, stacked=False)


def auxiliary(pixels: int, depth: int) -> float:
    """Return the multiply-adds of one forward pass of decoder and two heads."""
    c = _CHANNELS[depth]
    return pixels * (c + 3) * 12 * 9 + 2 * (pixels / 16) * 9 * c**2


def timing(p: dict[str, Any]) -> Work:
    """Return the work of clocking three ways of training and each part alone, single steps, and counting memory.

    A task takes ``warm_up`` steps and ``rounds`` of ``steps``; the two parts alone are one whole step between them.
    """
    each = p["warm_up"] + p["rounds"] * p["steps"]
    whole = _WAYS * each + p["rounds"] + _WAYS * _MEETINGS
    pixels = p["side"] ** 2
    flop = (whole + each) * 6 * p["batch"] * (pixels * _FORWARD[p["depth"]] + auxiliary(pixels, p["depth"]))
    return Work(whole + 2 * each, 0, conv_flop=flop, stacked=False)


def attack(
    side: int, depths: list[int], rows: int, epochs: int, batch: int, test: int, probes: Mapping[int, int] | None = None
) -> Work:
    """Return the work of the ResNet-18 attacker on h, half as wide as the image, and of the fresh attackers.

    ``probes``: the rows that these see of a depth, where they see any.
    """
    flop = fresh = 0.0
    for depth in depths:
        probe = (probes or {}).get(depth, 0)
        below = side**2 * _FORWARD[depth] * _BELOW[depth]
        body = (side / 2) ** 2 * _FORWARD[18]
        flop += 2 * below * (rows + 2 * test) + 6 * body * rows * epochs + 2 * body * (rows + 2 * test)
        flop += 2 * side**2 * _FORWARD[depth] * 4 * probe
        fresh += 2 * _MLP_EPOCHS * 6 * probe * 4 * _CHANNELS[depth] * 256
    steps = len(depths) * epochs * max(1, rows // batch)
    return Work(steps, fresh, conv_flop=flop, stacked=False)


def reconstruction(p: dict[str, Any]) -> Work:
    """Return the work of a decoder on h: the frozen network's forward pass is most of it."""
    rows, side, depth = p["train_images"], p["side"], p["depths"][0]
    each = side**2 * (2 * _FORWARD[depth] * _BELOW[depth] + 6 * (_CHANNELS[depth] + 3) * 12 * 9)
    return Work(p["epochs"] * rows / p["batch"], 0, conv_flop=p["epochs"] * rows * each, stacked=False)
