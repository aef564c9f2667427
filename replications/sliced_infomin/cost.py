"""What one seed of each experiment has to compute, for the plan (operations: a multiply-add is two)."""

from __future__ import annotations

from typing import Any

from common.workflow.cost import Work

_ENCODER = 32 * 200 + 200 * 200 + 200 * 80 + 80 * 100 + 100 * 100 + 100  # encoder and head, multiply-adds a row
_ADVERSARY = {"renyi": 80 * 128 + 128, "tc": 2 * (81 * 100 + 100 * 100 + 200), "vclub": 2 * (80 * 100 + 100)}
_DOMAIN = 0.484e9  # EncoderDA a picture, multiply-adds (the sheet's count)
_AUTO, _DECODER = 0.043e9, 0.137e9


def work(experiment: str, p: dict[str, Any]) -> Work:
    """Return the optimiser steps and operations of one seed."""
    if experiment in ("census", "adult", "adult_clean"):
        return _fairness(experiment, p)
    if experiment == "timing":
        l2 = sum(int(part.split(":")[1]) for part in p["methods"])
        rows = p["train_rows"] * (p["repeats"] + 2)
        return Work(0, rows * (6 * 2 * 20_000 * l2 + 4 * (3 * p["slices"]) ** 2))
    if experiment == "demo":
        return Work(p["steps"], p["steps"] * p["max_rows"] * 6 * (3 * p["slices"]) ** 2)
    if experiment == "power":
        sets = 2 * 4 * (p["levels"] + 1) * p["trials"]
        return Work(0, sets * (20 * (3 * p["slices"]) ** 3 + 2 * p["neural_steps"] * p["n"] * 6 * 2000))
    share = p["width"] ** 2
    if experiment in ("domains", "objects"):
        rows = p["train_rows"] or (60_000 if experiment == "domains" else 45_000)
        steps = p["epochs"] * (rows // p["batch"])
        per_step = 2 * 2 * _DOMAIN * share * (6 * p["batch"] + (p["max_rows"] if p["gamma"] else 0))
        return Work(steps, steps * per_step)
    rows = 0.64 * (p["rows"] or (10_000 if experiment == "faces" else 368_640))  # of faces, the subset's
    steps = p["epochs"] * (rows // p["batch"])
    fitted = p["max_rows"] if p["method"] not in ("none", "pearson", "dcorr") else 0
    return Work(steps, steps * share * (6 * p["batch"] * (2 * _AUTO + _DECODER) + fitted * _AUTO))


def _fairness(experiment: str, p: dict[str, Any]) -> Work:
    rows = 0.8 * (min(p["train_rows"], 2574) if experiment == "census" else p["train_rows"])
    batches = max(1, int(rows // p["batch"]))
    steps = p["epochs"] * batches
    one = 6 * p["batch"] * _ENCODER
    if p["method"] == "slice":
        fit, features = 0.8 * (p["fit_rows"] or p["batch"]), 3 * p["slices"]
        one += 4 * fit * features * min(fit, features)  # in fp64: twice the time of an fp32 operation
    elif p["method"] in _ADVERSARY:
        one += 6 * p["batch"] * _ADVERSARY[p["method"]] * (p["l2"] + 1)
    elif p["method"] == "dcorr":
        one += 12 * p["batch"] ** 2 * 80
    judged = 3 * p["judge_steps"] * p["judge_batch"] * 6 * 18_000
    return Work(steps * (1 + p["l2"] * (p["method"] in _ADVERSARY)), steps * one + judged)
