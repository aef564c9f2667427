"""What one seed of each job of the benchmark has to compute, for the plan (operations: a multiply-add is two)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from common.workflow.cost import Work

INPUTS = {"adult": 102, "biased_mnist": 3 * 28**2, "celeba": 3 * 32**2}
# Multiply-adds of an encoder a row. Few channels in fp32 go at the rate of small networks, not at that of the wide
# convolutions which the plan times: a third of it, measured.
_ENCODER = {
    "adult": 102 * 64 + 64 * 16,
    "biased_mnist": 14**2 * 16 * 75 + 7**2 * 32 * 144 + 4**2 * 32 * 288 + 512 * 16,
    "celeba": 16**2 * 16 * 75 + 8**2 * 32 * 144 + 4**2 * 32 * 288 + 512 * 16,
}
_PASSES = 6  # forward and backward, two operations a multiply-add
# A step beside its products, in steps of the one small network that the plan times: measured on Adult.
_STEPS = {"none": 3, "irene": 5, "attribute_unlearning": 10, "sliced_infomin": 7}
_CRITIC_STEPS, _ENCODER_STEPS = 3, 2  # InfoShape's
_TREES = {"adult": 1, "biased_mnist": 10, "celeba": 1}  # a round of boosting: one a class, or one for two
_MLP_EPOCHS = {"adult": 25, "biased_mnist": 65, "celeba": 15}  # a fit, as it went
_GAME_BATCH, _GAME_HIDDEN = 100, 15  # filtering.GAME


def work(experiment: str, p: dict[str, Any]) -> Work:
    """Return the optimiser steps and operations of one seed; an attack's rows and strengths are those it reads."""
    ground = experiment.removesuffix("_attack")
    if experiment != ground:
        return _attacks(ground, p)
    return _filter(ground, p) if p["method"] == "generative_filter" else _encoders(ground, p)


def _encoders(ground: str, p: dict[str, Any]) -> Work:
    """Count an encoder for each strength, with its method's own networks, and its codes of the released rows."""
    runs, steps = len(p["strengths"]), p["epochs"] * max(1, p["train_rows"] // p["batch"])
    each = _STEPS.get(p["method"], _ENCODER_STEPS + _CRITIC_STEPS * (p["critic_steps"] + 1))
    trained = steps * p["batch"] * _PASSES * (_ENCODER[ground] + _own(ground, p))
    read = 2 * (p["known_rows"] + p["test_rows"]) * _ENCODER[ground]
    return Work(runs * steps * each, runs * (trained + read), stacked=False)


def _own(ground: str, p: dict[str, Any]) -> float:
    """Return the multiply-adds a row of the networks that are a method's own."""
    width, hidden = p["width"], p["auxiliary_hidden"]
    if p["method"].startswith("infoshape"):
        guarded = INPUTS[ground] if p["method"] == "infoshape" else _TREES[ground]
        return 2 * (p["critic_steps"] + 1) * ((guarded + width) * 100 + 100 * 100 + 100)  # joint and shuffled pairs
    if p["method"] == "attribute_unlearning":
        return hidden * (width + INPUTS[ground]) + 2 * hidden * (width + hidden)
    if p["method"] == "sliced_infomin":
        return (3 * p["slices"]) ** 2 / 3  # the solve, forward alone
    return 0.0


def _filter(ground: str, p: dict[str, Any]) -> Work:
    """Count the VAE's epochs and the game's turns, all budgets in one stack."""
    sizes = [INPUTS[ground], *p["vae_hidden"], p["width"]]
    vae = 2 * sum(one * other for one, other in pairwise(sizes))
    steps = p["vae_epochs"] * max(1, p["train_rows"] // p["batch"])
    turns = p["filter_steps"] * (2 * p["filter_inner_steps"] + 1)
    game = sum(budget > 0 for budget in p["strengths"]) * _GAME_BATCH * 2 * p["width"] * _GAME_HIDDEN
    return Work(steps + turns, _PASSES * (steps * p["batch"] * vae + turns * game), stacked=False)


def _attacks(ground: str, p: dict[str, Any]) -> Work:
    """Count the fits of each kind, one a fold and one on all known rows: four kinds for s, two for y, of two forms."""
    fits, rows, trees = 2 * (p["folds"] + 1), p["known_rows"], _TREES[ground]
    linear = 2 * fits * (20 + 15 * trees)
    mlp = 2 * fits * min(_MLP_EPOCHS[ground], p["most_epochs"]) * rows / 256
    neighbours = fits * 3 * 2 * rows * (rows + p["test_rows"]) * p["width"]
    steps = linear + mlp + fits * p["rounds"] * trees
    return Work(len(p["strengths"]) * steps, len(p["strengths"]) * neighbours, stacked=False)
