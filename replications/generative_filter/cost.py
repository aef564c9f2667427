"""What one seed of each experiment has to compute, for the plan (a multiply-add is two; backward is twice forward)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from common.workflow.cost import Work

MNIST_ROWS, ADULT_ROWS, FACES_ROWS = 60_000, 30_162, 182_000


def work(experiment: str, p: dict[str, Any]) -> Work:
    """Return the optimiser steps and operations of one seed; stacks share the steps."""
    known = {
        "closed_forms": lambda _: Work(0, 0),
        "vae": _vae,
        "adult_codes": _adult_codes,
        "users": lambda p: _both(_game(p, 2), _attack(p["fresh"], [15], 4)),
        "faces": _faces,
        "faces_filter": lambda p: _both(_game(p, 8), _attack(p["fresh"], [60], 25)),
        "geometry": lambda p: Work(0, p["rows"] * 4 * 2e6),
    }
    games = dict.fromkeys(("filter1", "filter2", "adult_filter"), lambda p: _game(p, sum(b > 0 for b in p["budgets"])))
    attacks = dict.fromkeys(("attack1", "attack2", "adult_attack", "adult_attack_filter"), _attackers)
    return (known | games | attacks)[experiment](p)


def _vae(p: dict[str, Any]) -> Work:
    steps = p["epochs"] * ((p["rows"] or MNIST_ROWS) // p["batch"])
    return Work(steps, steps * p["batch"] * 6 * 660_000)


def _adult_codes(p: dict[str, Any]) -> Work:
    steps = p["epochs"] * (ADULT_ROWS // p["batch"])
    return Work(steps * (1 if p["method"] == "vae" else 2), steps * p["batch"] * 6 * 13_000)


def _faces(p: dict[str, Any]) -> Work:
    rows = p["train_rows"] or FACES_ROWS
    per_image = 6 * _dense(p) + 18 * 24_000_000 * (p["width"] / 256) ** 2  # the decoder's penalty goes backward twice
    steps = p["epochs"] * rows // p["batch"]
    # layers of a dozen channels in fp32 wait for memory: measured, a quarter of the rate of those the plan times
    return Work(steps, 0, conv_flop=4 * p["epochs"] * rows * per_image, stacked=False)


def _attackers(p: dict[str, Any]) -> Work:
    budgets, strong = len(p["budgets"]) or 1, len(p.get("strong_budgets", p["budgets"])) or 1
    networks = 2 if "mi_rows" not in p else 3
    fresh = _attack(p["fresh"], [p["fresh"]["hidden"]], networks * budgets)
    found = _both(fresh, _attack(p["strong"], p["strong"]["hidden"], 2 * strong))
    trees = p["boosted_rounds"] * min(p["boosted_rows"], MNIST_ROWS) * len(p.get("boosted_budgets", [0, 1]))
    return Work(found.steps, found.flop + p.get("mi_rows", 0) ** 2 * 100 * budgets + trees * 4_000)


def _game(p: dict[str, Any], members: int) -> Work:
    steps = p["steps"] * (2 * p["inner_steps"] + 1)
    return Work(steps, steps * members * p["batch"] * 6 * 600)


def _attack(how: dict[str, Any], hidden: list[int], networks: int) -> Work:
    sizes = [10, *hidden, 2]
    weights = sum(a * b for a, b in pairwise(sizes))
    return Work(how["steps"] * networks, how["steps"] * networks * how["batch"] * 6 * weights)


def _dense(p: dict[str, Any]) -> float:
    """Return the multiply-adds of the DenseNet encoder for one image."""
    channels, side, total = 2 * p["growth"], p["size"], 0.0
    total += 27 * channels * side**2
    for _ in range(3):
        for _ in range(p["layers"]):
            total += side**2 * (channels * 4 * p["growth"] + 36 * p["growth"] ** 2)
            channels += p["growth"]
        total += side**2 * channels * (channels // 2)
        channels, side = channels // 2, side // 2
    return total


def _both(one: Work, other: Work) -> Work:
    return Work(one.steps + other.steps, one.flop + other.flop)
