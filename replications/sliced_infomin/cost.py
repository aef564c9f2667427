"""What one seed of each experiment has to compute, for the plan (operations: a multiply-add is two)."""

from __future__ import annotations

from typing import Any

from common.workflow.cost import Work

# multiply-adds a row: encoder (its first two maps multiplied out) and head; adversaries; the mean of the three networks
# that read codes
_ENCODER = 32 * 200 + 200 * 80 + 80 * 100 + 100 * 100 + 100
_ADVERSARY = {"renyi": 80 * 128 + 128, "tc": 80 * 100 + 2 * (100 * 100 + 200), "vclub": 2 * (80 * 100 + 100)}
_NETWORK = 18_000
_ROUND = 1.5e9  # a round of boosted trees on 16,000 codes, as operations of a product; measured
_FITTED = ("slice", *_ADVERSARY)  # methods with a max step
_EXTRA_STEPS = {"none": 0, "pearson": 3, "dcorr": 0, "slice": 5}  # short operations, counted as optimiser steps
# what a row and a slice cost beside the solve, as operations of a product: projections, tanh and powers in fp64
_SLICE = 3_800
_DOMAIN = 0.484e9  # EncoderDA a picture, multiply-adds (the sheet's count)
_AUTO, _DECODER = 0.043e9, 0.137e9


def work(experiment: str, p: dict[str, Any]) -> Work:
    """Return the optimiser steps and operations of one seed."""
    if experiment in ("census", "adult", "adult_clean"):
        return _fairness(experiment, p)
    if experiment.endswith("_judge"):
        steps = 6 * p["steps"]
        return Work(steps, steps * p["batch"] * 6 * _NETWORK + 4 * p["rounds"] * _ROUND)
    if experiment == "timing":
        l2 = [part.split(":") for part in p["methods"]]
        climbs = sum(5 * _ADVERSARY[name] * int(steps) for name, steps in l2 if name in _ADVERSARY)
        rows = p["train_rows"] * (p["repeats"] + 2)
        return Work(0, rows * (climbs + 2 * _SLICE * p["slices"] + 8 * (3 * p["slices"]) ** 2))
    if experiment == "demo":
        return Work(p["steps"], p["steps"] * p["max_rows"] * 6 * (3 * p["slices"]) ** 2)
    if experiment == "power":
        sets = 2 * 4 * (p["levels"] + 1) * p["trials"]
        return Work(0, sets * (20 * (3 * p["slices"]) ** 3 + 2 * p["neural_steps"] * p["n"] * 6 * 2000))
    return _images(experiment, p)


def _images(experiment: str, p: dict[str, Any]) -> Work:
    """Count the steps on pictures: networks of a share of the full width, and the rows of the max steps."""
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
    """Count a mini-batch's steps, and an epoch's end on ``epoch_rows`` and the validation fifth."""
    rows = min(p["train_rows"], 2574) if experiment == "census" else p["train_rows"]
    batch, fit, held = p["batch"], 0.8 * rows, 0.2 * rows
    batches = max(1, int(fit // batch))
    first = p["fit_rows"] or batch  # rows of a max step
    step = 6 * batch * _ENCODER + 2 * p["fit_rows"] * _ENCODER + _infomin(p, first, batch, slope=True)
    at_end = min(p["epoch_rows"], fit)
    epoch = 2 * (at_end * (p["method"] in _FITTED) + held) * _ENCODER + _infomin(p, at_end, held, slope=False)
    steps = p["epochs"] * batches * (1 + _EXTRA_STEPS.get(p["method"], 0.25 * p["l2"]))
    return Work(steps, p["epochs"] * (batches * step + epoch))


def _infomin(p: dict[str, Any], fit: float, rows: float, *, slope: bool) -> float:
    """Return the operations of a max step on ``fit`` rows and the value, and ``slope``, of the penalty on ``rows``."""
    if p["method"] == "slice":
        features = 3 * p["slices"]
        return _SLICE * p["slices"] * 0.8 * (fit + 0.25 * rows) + 1.3 * 0.8 * fit * features * min(0.8 * fit, features)
    if p["method"] in _ADVERSARY:
        return _ADVERSARY[p["method"]] * (5 * fit * p["l2"] + (5 if slope else 2) * rows)
    return 80 * rows**2 * (10 if slope else 2.5) if p["method"] == "dcorr" else 0.0
