"""What one seed of each experiment of attribute unlearning has to compute, for the plan."""

from __future__ import annotations

from typing import Any

from common.workflow.cost import Work

# Multiply-adds of one forward pass per pixel, stem of stride 1 (0.555, 1.159 and 1.298 G at 32x32), the share of it
# below the cut after stage 2, and the channels of h.
_FORWARD = {18: 0.555e9 / 32**2, 34: 1.159e9 / 32**2, 50: 1.298e9 / 32**2}
_BELOW = {18: 0.52, 34: 0.44, 50: 0.43}
_CHANNELS = {18: 128, 34: 128, 50: 512}
_SIDES = {"cifar10": 32, "fairface": 64, "celeba": 64}  # at scale paper; a job that reads a training does not know it
_MLP_EPOCHS = 40  # a fresh attacker's fit, as it went


def work(experiment: str, p: dict[str, Any]) -> Work:
    """Return the optimiser steps and operations of one seed (a multiply-add is two; backward is twice forward)."""
    if experiment in ("lemmas", "attention"):
        return Work(0, 0)
    if experiment == "parallel":
        return timing(p)
    if experiment == "lambdas":
        pairs = len(p["grid2"]) * len(p["grid3"])
        own = training(p)
        read = attack(p["side"], [18], p["attack_images"], p["attack_epochs"], p["batch"], p["test_images"])
        return Work(pairs * (own.steps + read.steps), 0, conv_flop=pairs * (own.conv_flop + read.conv_flop))
    if experiment == "reconstruction":
        return reconstruction(p)
    if experiment.endswith("_attack"):
        side = _SIDES[experiment.removesuffix("_attack")] // (1 if p["epochs"] >= 30 else 2)
        return attack(side, [18], p["train_images"], p["epochs"], p["batch"], p["test_images"], p["probe_images"])
    return training(p)


def training(p: dict[str, Any]) -> Work:
    """Return the work of training every depth, with the attribute's classifier where an area is removed."""
    batches = max(1, p["train_images"] // p["batch"])
    seen = p["epochs"] * batches * p["batch"]
    pixels = p["side"] ** 2
    flop = 0.0
    for depth in [*p["depths"], *([18] if p["method"] == "area" else [])]:
        forward = pixels * _FORWARD[depth]
        if p["method"] == "unlearn":
            c = _CHANNELS[depth]
            forward += pixels * (c + 3) * 12 * 9 + 2 * (pixels / 16) * 9 * c**2  # decoder and two heads
        flop += 6 * forward * seen + 2 * forward * p["test_images"]
    if p["method"] == "area":
        flop += 6 * pixels * _FORWARD[18] * (p["train_images"] + p["test_images"])  # the maps
    return Work(len(p["depths"]) * p["epochs"] * batches, 0, conv_flop=flop, stacked=False)


def timing(p: dict[str, Any]) -> Work:
    """Return the work of timing three ways of training, each in so many rounds of so many steps, and single steps."""
    steps = 3 * (p["warm_up"] + p["rounds"] * p["steps"]) + p["rounds"]
    flop = steps * 6 * p["batch"] * p["side"] ** 2 * _FORWARD[p["depth"]]
    return Work(steps, 0, conv_flop=flop, stacked=False)


def attack(side: int, depths: list[int], rows: int, epochs: int, batch: int, test: int, probe: int = 0) -> Work:
    """Return the work of the ResNet-18 attacker on h, half as wide as the image, and of the fresh attackers."""
    flop = fresh = 0.0
    for depth in depths:
        below = side**2 * _FORWARD[depth] * _BELOW[depth]
        body = (side / 2) ** 2 * _FORWARD[18]
        flop += 2 * below * (rows + 2 * test) + 6 * body * rows * epochs + 2 * body * (rows + 2 * test)
        flop += 2 * side**2 * _FORWARD[depth] * 4 * probe
        fresh += 2 * _MLP_EPOCHS * 6 * probe * 4 * _CHANNELS[depth] * 256
    steps = len(depths) * epochs * max(1, rows // batch)
    return Work(steps, fresh, conv_flop=flop, stacked=False)


def reconstruction(p: dict[str, Any]) -> Work:
    """Return the work of a decoder on h of CelebA: the frozen network's forward pass is most of it."""
    rows, side = (162770, 64) if p["batch"] >= 128 else (8000, 32)
    each = side**2 * (2 * _FORWARD[18] * _BELOW[18] + 6 * 131 * 12 * 9)
    return Work(p["epochs"] * rows / p["batch"], 0, conv_flop=p["epochs"] * rows * each, stacked=False)
