"""What the settings of a cell may be: an unknown value is one line that names it, before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.workflow.allowed import above_zero, at_least, is_number, number, one_of
from common.workflow.config import ConfigError
from common.workflow.job import Job
from replications.sliced_infomin.rivals import METHODS

MAPS = ("g1", "g2")  # of the demo: the identity, and the non-linear one
# The distance correlation needs four rows; of three rows four fifths are two, which have a spread.
LEAST = {"batch": 4, "max_rows": 3, "epoch_rows": 3, "judge_rows": 10, "n": 8, "tsne_points": 2}
LEAST |= dict.fromkeys(("slices", "l2", "epochs", "steps", "rounds", "judge_steps", "judge_rounds", "repeats"), 1)
LEAST |= dict.fromkeys(("d", "levels", "trials"), 1)
LEAST |= dict.fromkeys(("alpha", "beta", "gamma", "label_weight"), 0)  # below 0 a term would turn its sign
LEAST |= dict.fromkeys(("patience", "snapshot_from", "neural_steps", "rows", "published_rows"), 0)
POSITIVE = ("lr", "inner_lr", "width")
TABLES = {"train_rows": 20, "test_rows": 4}  # of a table; of pictures 0 is all


def check(job: Job) -> None:
    """Hold the settings of a cell to what they may be.

    Raises:
        ConfigError: The first one that is not, with what is valid.
    """
    experiment, p = job.config.cell.experiment, job.config.params
    # a min step of nothing has no slope for the demo's angle to go down
    methods = [name for name in METHODS if (experiment, name) != ("demo", "none")]
    for key, valid in {"method": methods, "map": MAPS}.items():
        one_of(experiment, p, key, valid)
    at_least(experiment, p, {**LEAST, **(dict.fromkeys(TABLES, 0) if "pair" in p else TABLES)})
    above_zero(experiment, p, POSITIVE)
    if experiment == "census" and p.get("leaky"):
        raise ConfigError("census: leaky: True; valid: False (its target is never among the inputs)")
    _check_snapshot(experiment, p)
    _check_fit_rows(experiment, p)
    for epoch in p.get("milestones", ()):
        number(f"{experiment}: milestones", epoch, 0, whole=True)
    _check_timed(experiment, p)


def _check_snapshot(experiment: str, p: Mapping[str, Any]) -> None:
    """Refuse a snapshot that no epoch would be: the last state would count, unsaid."""
    if "snapshot_from" in p and p["snapshot_from"] >= p["epochs"]:
        raise ConfigError(
            f"{experiment}: snapshot_from: {p['snapshot_from']}; valid: 0 to {p['epochs'] - 1}, an epoch before the "
            f"{p['epochs']} of epochs"
        )


def _check_fit_rows(experiment: str, p: Mapping[str, Any]) -> None:
    """Refuse a D' of one or two rows: four fifths of them have no spread, and the penalty would be 0 throughout."""
    rows = p.get("fit_rows", 0)
    if not is_number(rows, whole=True) or not (rows == 0 or rows >= 3):
        raise ConfigError(f"{experiment}: fit_rows: {rows!r}; valid: 0 (the mini-batch itself), or 3 or more")


def _check_timed(experiment: str, p: Mapping[str, Any]) -> None:
    """Hold the timed methods to name:steps of each, the slice that the others are held to among them."""
    for part in p.get("methods", ()):
        name, _, steps = str(part).partition(":")
        if name not in METHODS or not steps.isdecimal() or (name in ("renyi", "tc", "vclub") and int(steps) < 1):
            raise ConfigError(
                f"{experiment}: methods: {part!r}; valid: name:steps, a name of {', '.join(METHODS)} and a whole "
                "number of steps (of renyi, tc and vclub 1 or more, of the others 0)"
            )
    if "methods" in p and not any(str(part).startswith("slice:") for part in p["methods"]):
        raise ConfigError(f"{experiment}: methods: {p['methods']!r}; valid: a list with slice:0, which all are held to")
