"""What the settings of a cell may be: an unknown value is one line that names it, before anything is loaded.

It imports nothing that trains: a job that trains nothing must not be made anew because a network changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from common.workflow.allowed import above_zero, at_least, one_of
from common.workflow.config import ConfigError

NAMED = {"method": ("vanilla", "irene", "rubi", "rebias", "learnedmixin"), "last": ("relu", "tanh")}
TARGETS = ("blond", "makeup", "glasses")
LEAST = {
    "alpha": 0,
    "gamma": 0,
    "debias_scale": 0,
    "weight_decay": 0,
    "momentum": 0,
    "patience": 0,
    "cooldown": 0,
    "steps": 0,
    "side": 1,
    "epochs": 1,
    "biased_epochs": 1,
    "most_epochs": 1,
    "batches": 1,
    "shown": 1,
    "rows": 2,
    "test_images": 1,
    "train_images": 2,
    "batch": 2,
}
PROXY_CLASSES = 10  # its batches hold equally many of each, and of two classes


def check(experiment: str, p: Mapping[str, Any]) -> None:
    """Hold those settings to what they may be that ``p`` has.

    Raises:
        ConfigError: The first one that is not, with what is valid. A weight below 0 would turn its term's sign;
            BatchNorm needs two images.
    """
    for key, valid in NAMED.items():
        one_of(experiment, p, key, valid)
    at_least(experiment, p, LEAST)
    above_zero(experiment, p, ["lr"])
    _check_lists(experiment, p)
    _check_batch(experiment, p)


def _check_lists(experiment: str, p: Mapping[str, Any]) -> None:
    """Hold what a cell runs through, and where its rate drops, to values that are some, each once."""
    if "rhos" in p and not _each_once(p["rhos"], lambda rho: isinstance(rho, float) and 0 <= rho <= 1):
        raise ConfigError(f"{experiment}: rhos: {p['rhos']!r}; valid: a list of numbers from 0.0 to 1.0, each once")
    if "targets" in p and not _each_once(p["targets"], lambda target: target in TARGETS):
        raise ConfigError(f"{experiment}: targets: {p['targets']!r}; valid: a list of {', '.join(TARGETS)}, each once")
    if not all(isinstance(epoch, int) and epoch >= 1 for epoch in p.get("milestones", ())):
        raise ConfigError(f"{experiment}: milestones: {p['milestones']!r}; valid: a list of whole numbers from 1")


def _each_once(values: list[Any], valid: Callable[[Any], bool]) -> bool:
    return bool(values) and all(map(valid, values)) and len(set(values)) == len(values)


def _check_batch(experiment: str, p: Mapping[str, Any]) -> None:
    """Hold the batch to the images that are asked for; equal cells may be fewer, and are then one batch."""
    batch = p.get("batch", 2)
    if batch > p.get("rows", batch):
        raise ConfigError(f"{experiment}: batch: {batch} does not fit {p['rows']} rows")
    if batch > p.get("train_images", batch) and not p.get("balanced_train"):
        raise ConfigError(f"{experiment}: batch: {batch} does not fit {p['train_images']} images (train_images)")
    if "batches" in p and batch % PROXY_CLASSES:
        raise ConfigError(f"{experiment}: batch: {batch}; valid: a multiple of {PROXY_CLASSES}, for equal classes")
