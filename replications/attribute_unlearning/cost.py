"""What one seed of each experiment of attribute unlearning has to compute, for the plan."""

from __future__ import annotations

import math
from typing import Any

from common.workflow.cost import Work

# Multiply-adds of one forward pass per pixel that stage 1 sees (0.555, 1.159 and 1.298 G at 32x32 behind a stem of
# stride 1), the share of it below the cut after stage 2, and the channels of h. ImageNet's stem leaves a sixteenth of
# the pixels and takes 7x7x3x64 at a quarter of them.
_FORWARD = {18: 0.555e9 / 32**2, 34: 1.159e9 / 32**2, 50: 1.298e9 / 32**2}
_STRIDE = {"cifar": 1, "imagenet": 4}
_STEM = {"cifar": 0.0, "imagenet": 7 * 7 * 3 * 64 / 4}
_BELOW = {18: 0.52, 34: 0.44, 50: 0.43}
_CHANNELS = {18: 128, 34: 128, 50: 512}
_FLOAT = 4  # bytes of a value of h in fp32; in bf16 it is half, and what does not fit is the same at every scale
_MLP_EPOCHS = 40  # a fresh attacker's fit, as it went
_NAMER = 18  # the depth of the attribute's classifier
_WAYS, _MEETINGS = 3, 4  # of training that are clocked, and the steps that memory is the most of


def work(experiment: str, p: dict[str, Any]) -> Work:
    """Return the optimiser steps and operations of one seed (a multiply-add is two; backward is twice forward).

    ``p`` are the job's own parameters over those of the training that it reads: sizes and depths are that one's.
    """
    if experiment == "lemmas":
        return Work(0, 0)
    own = {"attention": attention, "lambdas": grid, "parallel": timing, "reconstruction": reconstruction}
    if experiment in own:
        return own[experiment](p)
    return attack(p) if experiment.endswith("_attack") else training(p)


def grid(p: dict[str, Any]) -> Work:
    """Return the work of a training and an attack for each pair of lambdas."""
    pairs, own = len(p["grid2"]) * len(p["grid3"]), training(p)
    read = attack({**p, "train_images": p["attack_images"], "epochs": p["attack_epochs"], "probed": []})
    return Work(pairs * (own.steps + read.steps), 0, conv_flop=pairs * (own.conv_flop + read.conv_flop), stacked=False)


def training(p: dict[str, Any]) -> Work:
    """Return the work of training every depth, and the attribute's classifier where an area is removed."""
    batches = max(1, p["train_images"] // p["batch"])
    seen = p["epochs"] * batches * p["batch"]
    flop = 0.0
    networks = [*p["depths"], *([_NAMER] if p["method"] == "area" else [])]
    for depth in networks:
        once = forward(p, depth) + (auxiliary(p, depth) if p["method"] == "unlearn" else 0)
        flop += 6 * once * seen + 2 * once * p["test_images"]
    if p["method"] == "area":
        flop += maps(p, p["train_images"] + p["test_images"])
    return Work(len(networks) * p["epochs"] * batches, 0, conv_flop=flop, stacked=False)


def pixels_inside(p: dict[str, Any]) -> float:
    """Return how many pixels of an image stage 1 sees; h has a quarter of them."""
    return (p["side"] / _STRIDE[p["stem"]]) ** 2


def forward(p: dict[str, Any], depth: int) -> float:
    """Return the multiply-adds of one forward pass of Phi and Omega for an image."""
    return pixels_inside(p) * _FORWARD[depth] + p["side"] ** 2 * _STEM[p["stem"]]


def maps(p: dict[str, Any], images: int) -> float:
    """Return the operations of Grad-CAM with the attribute's classifier: back it goes to the last stage alone."""
    return 2 * forward(p, _NAMER) * images


def auxiliary(p: dict[str, Any], depth: int) -> float:
    """Return the multiply-adds of one forward pass of decoder and two heads."""
    c, inside = _CHANNELS[depth], pixels_inside(p) / 4
    enlarged = 12 * 3 * (inside**0.5 * p["side"] * 3 * inside**0.5 + p["side"] ** 2 * inside**0.5)  # a product a side
    return inside * 9 * 12 * c + enlarged + p["side"] ** 2 * 12 * 3 * 9 + 2 * (inside / 4) * 9 * c**2


def rebuilding(p: dict[str, Any], depth: int) -> float:
    """Return the multiply-adds of one forward pass of Figure 4's decoder: widths halve as sides double."""
    found, c, pixels = 0.0, _CHANNELS[depth], pixels_inside(p) / 4
    while pixels < p["side"] ** 2:
        found += pixels * 9 * c * max(c // 2, 16)
        c, pixels = max(c // 2, 16), 4 * pixels
    return found + pixels * 9 * c * 3


def timing(p: dict[str, Any]) -> Work:
    """Return the work of clocking three ways of training and each part alone, single steps, and counting memory.

    A task takes ``warm_up`` steps and ``rounds`` of ``steps``; the two parts alone are one whole step between them.
    """
    each = p["warm_up"] + p["rounds"] * p["steps"]
    whole = _WAYS * each + p["rounds"] + _WAYS * _MEETINGS
    flop = (whole + each) * 6 * p["batch"] * (forward(p, p["depth"]) + auxiliary(p, p["depth"]))
    return Work(whole + 2 * each, 0, conv_flop=flop, stacked=False)


def attack(p: dict[str, Any]) -> Work:
    """Return the work of the ResNet-18 attacker on h, half as wide as what stage 1 sees, and of the fresh attackers.

    Where h does not fit ``cache_mb`` the extractor runs in every epoch. Attackers are judged on their own rows and, at
    most, on as many of equal classes and of the natural test set as ``test_images`` says. How many rows of equal
    classes there are is the data's to say: it is reckoned with the most.
    """
    rows, seen = p["train_images"], p["train_images"] + 2 * p["test_images"]
    batches = max(1, rows // p["batch"])
    epochs = max(p["epochs"], math.ceil(p["least_steps"] / batches))
    pixels = pixels_inside(p)
    body = pixels / 4 * _FORWARD[18]
    flop = fresh = 0.0
    for depth in p["depths"]:
        fits = rows * _CHANNELS[depth] * pixels / 4 * _FLOAT / 2**20 <= p["cache_mb"]
        flop += 2 * forward(p, depth) * _BELOW[depth] * (rows * (1 if fits else epochs) + seen)
        flop += 6 * body * rows * epochs + 2 * body * seen
        probe = p["probe_images"] if depth in p["probed"] else 0
        flop += 2 * forward(p, depth) * (probe + p["test_images"] * bool(probe))
        fresh += 2 * _MLP_EPOCHS * 6 * probe * 4 * _CHANNELS[depth] * 256
    if p["method"] == "area":
        flop += maps(p, seen)
    return Work(len(p["depths"]) * epochs * batches, fresh, conv_flop=flop, stacked=False)


def attention(p: dict[str, Any]) -> Work:
    """Return the work of a linear probe's maps on three networks, and of the areas that they are held against.

    The probes themselves are scikit-learn's, on the means of h: seconds.
    """
    below = 2 * forward(p, 18) * _BELOW[18]
    read = 3 * p["probe_images"]  # rows to fit on, to judge on, and the maps of these
    return Work(0, 0, conv_flop=3 * below * read + maps(p, read), stacked=False)


def reconstruction(p: dict[str, Any]) -> Work:
    """Return the work of a decoder on h: the frozen network's forward pass is most of it."""
    rows, depth = p["train_images"], p["depths"][0]
    each = 2 * forward(p, depth) * _BELOW[depth] + 6 * rebuilding(p, depth)
    flop = p["epochs"] * rows * each + maps(p, p["test_images"])
    return Work(p["epochs"] * rows / p["batch"], 0, conv_flop=flop, stacked=False)
