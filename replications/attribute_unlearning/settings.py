"""What the settings of a cell may be: an unknown value is one line that names it, before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from common.models.resnet import DEPTHS, STAGES, Stem
from common.workflow.allowed import above_zero, at_least, is_number, one_of
from common.workflow.config import ConfigError

NAMED: dict[str, tuple[Any, ...]] = {
    "method": ("before", "unlearn", "area"),
    "stem": get_args(Stem),
    "stage": STAGES[1:4],  # something is left to train on either side
    "depth": DEPTHS,
    "sets": ("balanced", "natural"),
    **dict.fromkeys(("literal", "entropy", "end_to_end"), (False, True)),
}
_LISTED = ", ".join(map(str, DEPTHS))
DEPTH_LISTS = {"depths": 1, "probed": 0}  # the fewest that each may name
WHOLE = {"batch": 2, "crop": 0, "patience": 0}
WHOLE |= dict.fromkeys(("side", "epochs", "attack_epochs", "most_epochs", "least_steps", "rounds"), 1)
WHOLE |= dict.fromkeys(("images", "train_images", "test_images", "attack_images", "probe_images"), 1)
LEAST = dict.fromkeys(("lambda1", "lambda2", "lambda3", "weight_decay", "warm_up", "cache_mb"), 0)
ABOVE_0 = ("lr", "attack_lr")
_GAMMA = "under literal: eq. (2) asks for gamma > 0, and alpha gamma = lambda2 - lambda3"


def check(experiment: str, p: Mapping[str, Any]) -> None:
    """Hold those settings to what they may be that ``p`` has.

    Raises:
        ConfigError: The first one that is not, with what is valid. A lambda below 0 would turn its term's sign, which
            ``literal`` is there to say; a contrast needs two images; Nesterov's momentum is above 0.
    """
    for key, valid in NAMED.items():
        one_of(experiment, p, key, valid)
    for key, fewest in DEPTH_LISTS.items():
        depths = p.get(key, DEPTHS)
        if not all(depth in DEPTHS for depth in depths) or len(set(depths)) < max(fewest, len(depths)):
            raise ConfigError(f"{experiment}: {key}: {depths!r}; valid: a list of {_LISTED}, each once")
    at_least(experiment, p, WHOLE, whole=True)
    at_least(experiment, p, LEAST)
    above_zero(experiment, p, ABOVE_0)
    if "momentum" in p and not (is_number(p["momentum"]) and 0 < p["momentum"] < 1):
        raise ConfigError(f"{experiment}: momentum: {p['momentum']!r}; valid: between 0 and 1")
    if "share" in p and not (is_number(p["share"]) and 0 <= p["share"] <= 1):
        raise ConfigError(f"{experiment}: share: {p['share']!r}; valid: 0 to 1, of an image's area")
    if p.get("literal") and not p["lambda3"] < p["lambda2"]:
        raise ConfigError(f"{experiment}: lambda3: {p['lambda3']!r}; valid: below lambda2, {p['lambda2']!r}, {_GAMMA}")
    if "steps" in p:
        _check_clock(experiment, p)
    elif not p.get("warm_up", 0) < 1:
        raise ConfigError(f"{experiment}: warm_up: {p['warm_up']!r}; valid: 0 or more, below 1, of all steps")


def _check_clock(experiment: str, p: Mapping[str, Any]) -> None:
    """Hold what Table 2 clocks to rounds in which something runs at once, and to an epoch of one step at least."""
    if not is_number(p["steps"], whole=True) or p["steps"] < 2:
        valid = "a whole number, 2 or more (nothing runs side by side in a round of one)"
        raise ConfigError(f"{experiment}: steps: {p['steps']!r}; valid: {valid}")
    if not is_number(p["warm_up"], whole=True):
        raise ConfigError(f"{experiment}: warm_up: {p['warm_up']!r}; valid: a whole number, 0 or more (of steps)")
    if p["images"] < p["batch"]:
        valid = f"the batch or more ({p['batch']}): an epoch is whole batches"
        raise ConfigError(f"{experiment}: images: {p['images']!r}; valid: {valid}")


def check_start(experiment: str, p: Mapping[str, Any], cell: str, before: Mapping[str, Any]) -> None:
    """Hold a training that goes on from the networks of ``cell`` to what those are.

    Raises:
        ConfigError: The first setting that differs, as it is here and there.
    """
    for key in ("depths", "task", "side", "stem", "stage"):
        if p[key] != before[key]:
            raise ConfigError(f"{experiment}: {key}: {p[key]!r}, but {cell} has {before[key]!r}; give both the same")


def check_grid(experiment: str, p: Mapping[str, Any]) -> None:
    """Hold Figure 6's grid to one network, to the method whose weights it is of, and to lambdas that are some.

    Raises:
        ConfigError: The first setting that is not, with what is valid.
    """
    if p["method"] != "unlearn":
        raise ConfigError(f"{experiment}: method: {p['method']!r}; valid: unlearn (no other has these lambdas)")
    if len(p["depths"]) != 1:
        raise ConfigError(f"{experiment}: depths: {p['depths']!r}; valid: a list of one of {_LISTED}")
    for key in ("grid2", "grid3"):
        if not p[key] or not all(isinstance(value, (int, float)) and value >= 0 for value in p[key]):
            raise ConfigError(f"{experiment}: {key}: {p[key]!r}; valid: a list of numbers from 0")
    if p.get("literal") and not max(p["grid3"]) < min(p["grid2"]):
        raise ConfigError(f"{experiment}: grid3: {p['grid3']!r}; valid: each below grid2's, {p['grid2']!r}, {_GAMMA}")
