"""What the settings of a cell may be: an unknown value is one line that names it, before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from common.models.resnet import DEPTHS, STAGES, Stem
from common.workflow.allowed import at_least, one_of
from common.workflow.config import ConfigError

NAMED: dict[str, tuple[Any, ...]] = {
    "method": ("before", "unlearn", "area"),
    "stem": get_args(Stem),
    "stage": STAGES[1:4],  # something is left to train on either side
    "depth": DEPTHS,
}
_LISTED = ", ".join(map(str, DEPTHS))
DEPTH_LISTS = {"depths": 1, "probed": 0}  # the fewest that each may name
LEAST = {"lambda1": 0, "lambda2": 0, "lambda3": 0, "epochs": 1, "batch": 2, "train_images": 1, "test_images": 1}


def check(experiment: str, p: Mapping[str, Any]) -> None:
    """Hold those settings to what they may be that ``p`` has.

    Raises:
        ConfigError: The first one that is not, with what is valid. A lambda below 0 would turn its term's sign, which
            ``literal`` is there to say; a contrast needs two images.
    """
    for key, valid in NAMED.items():
        one_of(experiment, p, key, valid)
    for key, fewest in DEPTH_LISTS.items():
        depths = p.get(key, DEPTHS)
        if not all(depth in DEPTHS for depth in depths) or len(set(depths)) < max(fewest, len(depths)):
            raise ConfigError(f"{experiment}: {key}: {depths!r}; valid: a list of {_LISTED}, each once")
    at_least(experiment, p, LEAST)
    if not 0 <= p.get("share", 0) <= 1:
        raise ConfigError(f"{experiment}: share: {p['share']!r}; valid: 0 to 1, of an image's area")


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
