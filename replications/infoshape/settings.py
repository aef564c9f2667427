"""What the settings of a cell may be: an unknown value is one line that names it, before anything is trained.

Every job rests on this module, and it on none of theirs: an edit of one experiment's code is no reason to run another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from common.workflow.allowed import above_zero, at_least, is_number, one_of
from common.workflow.config import ConfigError
from replications.infoshape.protocol import batches_of, heldout_batches, probe_batches, whole_batches

ESTIMATORS = ("dv", "mine", "nwj", "infonce", "smile", "remine", "interpolated")  # of the staircase
NAMED = {
    "normalisers": ("measured", "repository"),
    "network": ("conv", "dense"),
    "objective": ("mine", "stable", "remine"),
    "estimator": ("remine", "smile", "interpolated"),
    "critic": ("joint", "separable", "hybrid", "bilinear"),
}
WHOLE = dict.fromkeys(("batch", "probe_batch", "iterations"), 2)  # a marginal pair takes two rows, an sd two iterations
WHOLE |= dict.fromkeys(("n_per_class", "rows", "heldout", "judged", "draws"), 1)
WHOLE |= dict.fromkeys(("passes", "privacy_passes", "privacy_steps", "utility_steps", "final_batches"), 1)
WHOLE |= dict.fromkeys(("encoder_epochs", "epochs", "probe_epochs", "steps", "update_every", "gather"), 1)
WHOLE |= dict.fromkeys(("chart_points", "shown_points", "shown_codes", "shown_every", "dim", "rank"), 1)
WHOLE |= {"utility_passes": 0}  # experiment D has no utility
OWN = {
    "raw": {"utility_passes": 1},
    "alternatives": {"final_batches": 2},  # their sd is told
    "correlation": {"epochs": 25},  # Figure 3-2 reads correlation_24
}
ABOVE_0 = ("lr", "critic_lr", "encoder_lr", "probe_lr", "h_x", "relative")
SHARES: dict[str, tuple[Callable[[float], bool], str]] = {
    **dict.fromkeys(("train_share", "ema_rate", "alpha"), (lambda v: 0 < v <= 1, "above 0, up to 1")),
    "test_share": (lambda v: 0 < v < 1, "between 0 and 1"),
    "momentum": (lambda v: 0 <= v < 1, "0 or more, below 1"),
}
LISTS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "sigmas": (lambda v: is_number(v) and v > 0, "numbers above 0"),  # z = T(x) + 0 N has no density
    "information": (lambda v: is_number(v) and v >= 0, "numbers from 0"),
    "states": (lambda v: is_number(v, whole=True) and v >= 0, "whole numbers from 0"),
    "shown_epochs": (lambda v: is_number(v, whole=True) and v >= 0, "whole numbers from 0"),
    "estimators": (lambda v: v in ESTIMATORS, ", ".join(ESTIMATORS)),
}


def check(experiment: str, p: Mapping[str, Any]) -> None:
    """Hold those settings to what they may be that ``p`` has; a lambda below 0 is a reading, not a slip.

    Raises:
        ConfigError: The first one that is not, with what is valid.
    """
    for key, valid in NAMED.items():
        one_of(experiment, p, key, valid)
    for key in ("penalised", "derange", "ema"):
        one_of(experiment, p, key, (False, True))
    at_least(experiment, p, WHOLE | OWN.get(experiment, {}), whole=True)
    above_zero(experiment, p, ABOVE_0)
    for key, (allows, valid) in SHARES.items():
        if key in p and not (is_number(p[key]) and allows(p[key])):
            raise ConfigError(f"{experiment}: {key}: {p[key]!r}; valid: {valid}")
    _check_lists(experiment, p)
    _check_steps(experiment, p)
    _check_batches(experiment, p)


def _check_lists(experiment: str, p: Mapping[str, Any]) -> None:
    """Hold lists to values that are some, each once: a metric is named by its value."""
    for key, (allows, valid) in LISTS.items():
        if key not in p or (p[key] == [] and key == "shown_epochs" and experiment != "correlation"):
            continue  # an encoder's epochs may all go unshown; no other list may be empty
        if not _filled(p[key], allows) or len(set(map(_name, p[key]))) < len(p[key]):
            raise ConfigError(f"{experiment}: {key}: {p[key]!r}; valid: a list of {valid}, each once")
    many = isinstance(p.get("hidden"), list)
    if "hidden" in p and not _filled(p["hidden"] if many else [p["hidden"]], _is_width):
        valid = "a list of whole numbers from 1" if many else "a whole number from 1"
        raise ConfigError(f"{experiment}: hidden: {p['hidden']!r}; valid: {valid}")


def _filled(values: Any, allows: Callable[[Any], bool]) -> bool:
    return isinstance(values, list) and bool(values) and all(map(allows, values))


def _name(value: Any) -> str:
    return f"{value:g}" if is_number(value) else str(value)


def _is_width(value: Any) -> bool:
    return is_number(value, whole=True) and value >= 1


def _check_steps(experiment: str, p: Mapping[str, Any]) -> None:
    """Hold what is shown or judged to epochs and steps that there are, and the critic's step to one reading."""
    epochs = p.get("encoder_epochs", p.get("epochs", 0))
    if "shown_epochs" in p and not max(p["shown_epochs"], default=-1) < epochs:
        key = "encoder_epochs" if "encoder_epochs" in p else "epochs"
        raise ConfigError(
            f"{experiment}: shown_epochs: {p['shown_epochs']!r}; valid: whole numbers below {key}, {epochs} (give more "
            f"{key}, or show none beyond)"
        )
    if experiment == "encoder_a" and 0 not in p.get("shown_epochs", [0]):
        raise ConfigError(
            f"{experiment}: shown_epochs: {p['shown_epochs']!r}; valid: a list with 0, the untrained encoder that "
            "classifier, attacker and channel read"
        )
    if min(p.get("gather", 1), p.get("update_every", 1)) > 1:
        raise ConfigError(
            f"{experiment}: gather: {p['gather']}; valid: 1 where update_every is {p['update_every']} (two readings of "
            "one sentence; leave one of them at 1)"
        )
    if "judged" in p and p["judged"] > p.get("steps", p["judged"]):
        raise ConfigError(f"{experiment}: judged: {p['judged']}; valid: up to steps, {p['steps']}")
    if "steps" in p and p["steps"] % p.get("shown_every", 1):
        raise ConfigError(f"{experiment}: steps: {p['steps']}; valid: a multiple of shown_every, {p['shown_every']}")


def _check_batches(experiment: str, p: Mapping[str, Any]) -> None:
    """Hold every batch to the rows that it is drawn from."""
    if {"batch", "rows"} <= set(p):
        whole_batches(f"{experiment}: batch", p["batch"], p["rows"], "rows (rows)")
    if {"batch", "n_per_class"} <= set(p):
        (probe_batches if "test_share" in p else batches_of)(p)
    if {"batch", "heldout"} <= set(p):
        heldout_batches(p)
    if {"probe_batch", "n_per_class"} <= set(p):
        probe_batches(p, "probe_batch")


def check_rows(experiment: str, p: Mapping[str, Any], found: int, drawn: bool) -> None:
    """Hold the rows that are asked for, and the batch, to the ``found`` ones of a set that has been loaded.

    Raises:
        ConfigError: Where they are fewer. A stand-in (``drawn``) is as large as it is: it must only fill a batch.
    """
    if p["rows"] > found and not drawn:
        raise ConfigError(f"{experiment}: rows: {p['rows']}; valid: up to {found}, the training rows of the set")
    whole_batches(f"{experiment}: batch", p["batch"], min(p["rows"], found), "rows of the set")


def check_kept(experiment: str, p: Mapping[str, Any], cell: str, kept: Collection[int]) -> None:
    """Hold the epochs whose codes are judged to those whose encoder ``cell`` keeps.

    Raises:
        ConfigError: The first one that it does not keep, with those that it does.
    """
    for state in p["states"]:
        if state not in kept:
            valid = ", ".join(map(str, sorted(kept)))
            raise ConfigError(
                f"{experiment}: states: {state!r}; valid: {valid} (shown_epochs and encoder_epochs of {cell})"
            )
