"""What one seed of each IRENE experiment has to compute, for the plan."""

from __future__ import annotations

from typing import Any

from common.workflow.cost import Work

# Multiply-adds of one forward pass: the digits' network per pixel (414.9 M at 28x28), ResNet-18 per pixel (1,814 M at
# 224x224), and the 1x1 network per pixel (8.47 M at 28x28, its BatchNorms aside).
_DIGITS = 414.9e6 / 28**2
_FACES = 1814e6 / 224**2
_BIASED = 8.47e6 / 28**2
_MLP_EPOCHS = 40  # an attacker's fit, as it went


def work(experiment: str, p: dict[str, Any]) -> Work:
    """Return the optimiser steps and operations of one seed (a multiply-add is two; backward is twice forward)."""
    if experiment == "samples":
        return Work(0, 0)
    if experiment == "proxy":
        return Work(p["steps"], p["steps"] * 6 * p["batch"] * 100)
    if experiment == "updates":
        steps = 2 * p["epochs"] * (p["rows"] // p["batch"])  # ten classes and two, layers of 16
        return Work(steps, steps * 6 * p["batch"] * 500)
    if experiment.endswith("_attack"):
        return Work(6 * _MLP_EPOCHS * 20, 6 * _MLP_EPOCHS * 6 * 5000 * 256 * 128)
    digits = experiment == "biased_mnist"
    models = len(p["rhos"] if digits else p["targets"])
    pixels = p["side"] ** 2
    epochs = p["epochs"] if digits else min(p["epochs"], 3 * (p["patience"] + 1) + 10)
    batches = p["train_images"] // p["batch"]
    seen = epochs * batches * p["batch"]
    forward = 2 * pixels * (_DIGITS if digits else _FACES)
    own = models * forward * (3 * seen + p["test_images"] * (1 if digits else epochs))
    biased = 2 * pixels * _BIASED * seen * {"rubi": 3.0, "rebias": 4.0, "learnedmixin": 1.0}.get(p["method"], 0.0)
    if p["method"] == "learnedmixin":
        biased += 6 * p["biased_epochs"] * batches * p["batch"] * pixels * _BIASED
    kernels = {"large_flop": own} if digits else {"conv_flop": own}
    return Work(models * epochs * batches, models * biased, **kernels, stacked=False)
