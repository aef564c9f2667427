"""What the settings of a cell may be: an unknown value is one line that names it, before anything is trained.

Every job rests on this module, and it on none of theirs: an edit of one set's code is no reason to train another's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from common.workflow.allowed import above_zero, at_least, is_number, number, one_of
from common.workflow.config import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

LABELS = ("digit", "circle", "large", "odd")  # those of a digit
GENDER, INCOME = "sex", "income"
MECHANISMS = ("filter", "gaussian")
METHODS = ("vae", "vfae", "lmifr")
WHOLE = {
    "rows": 0,
    "test_rows": 0,
    "train_rows": 0,
    "batch": 1,
    "codes": 1,
    "steps": 1,
    "inner_steps": 1,
    "epochs": 1,
    "repeats": 1,
    "layers": 1,
    "growth": 1,
    "boosted_rows": 1,
    "boosted_rounds": 1,
    "mi_rows": 1,
    "mi_neighbours": 1,
    "neighbours": 2,
    "shown": 4,  # a row of the picture
}
LEAST = dict.fromkeys(
    (
        "beta",
        "rho",
        "mmd_weight",
        "kl_limit",
        "information_limit",
        "gamma",
        "kappa",
        "lipschitz",
        "squared_distance",
    ),
    0,
)
ABOVE_0 = ("lr", "filter_lr", "multiplier_lr", "noise_variance", "sensitivity")
BUDGETS = ("budgets", "strong_budgets", "boosted_budgets", "lnc_budgets", "case1_budgets", "case2_budgets")
MAY_BE_NONE = ("lnc_budgets",)  # and the budgets of Adult's baselines, which have no filter
ATTACKER = ("hidden", "steps", "batch", "lr")
HELD_BACK = "held_back"  # the fifth, for the faces' attackers
ADVERSARIES = ("all", "own", "shared")  # what table 4's adversaries learn from
OWN_LABELS = ("users", "faces_filter")  # their labels are the artefact's, in turn


def check(experiment: str, p: Mapping[str, Any]) -> None:
    """Hold those settings to what they may be that ``p`` has.

    Raises:
        ConfigError: The first one that is not, with what is valid. A beta or rho below 0 would turn its term's sign.
    """
    _check_names(experiment, p)
    at_least(experiment, p, WHOLE, whole=True)
    at_least(experiment, p, LEAST)
    above_zero(experiment, p, ABOVE_0)
    for key in ("epsilon", "delta"):
        if key in p and not (is_number(p[key]) and 0 < p[key] < 1):
            raise ConfigError(f"{experiment}: {key}: {p[key]!r}; valid: between 0 and 1 (theorem 6.1)")
    _check_budgets(experiment, p)
    if "hidden" in p:
        _check_hidden(experiment, p["hidden"], many=experiment == "vae")
    for key in ("fresh", "strong"):
        if key in p:
            _check_attacker(f"{experiment}: {key}", p[key], key == "strong", experiment == "faces_filter")
    if "width" in p and not (is_number(p["width"], whole=True) and p["width"] >= 16 and p["width"] % 16 == 0):
        raise ConfigError(f"{experiment}: width: {p['width']!r}; valid: a multiple of 16 (it is halved four times)")
    if p.get("size", 64) != 64:
        raise ConfigError(f"{experiment}: size: {p['size']!r}; valid: 64 (what the decoder of table 6 draws)")
    if "neighbours" in p and p["rows"] <= p["neighbours"]:
        raise ConfigError(f"{experiment}: rows: {p['rows']!r}; valid: more than neighbours, {p['neighbours']}")


def _check_names(experiment: str, p: Mapping[str, Any]) -> None:
    labels = {"private": LABELS, "utility": LABELS, "nontarget": ("", *LABELS)}
    if experiment == "adult_filter":
        labels = {"private": (GENDER,), "utility": (INCOME,)}
    elif experiment in OWN_LABELS:
        labels = {}
    names = {"mechanism": MECHANISMS, "method": METHODS, "adversary": ADVERSARIES}
    for key, valid in (names | labels).items():
        one_of(experiment, p, key, valid)


def _check_budgets(experiment: str, p: Mapping[str, Any]) -> None:
    for key in BUDGETS:
        values = p.get(key, [])
        if not _numbers(values, 0) or len(set(values)) < len(values):
            raise ConfigError(f"{experiment}: {key}: {values!r}; valid: a list of numbers from 0, each once")
        needed = key not in MAY_BE_NONE and not (key == "budgets" and experiment.startswith("adult_attack"))
        if needed and key in p and not values:
            raise ConfigError(f"{experiment}: {key}: []; valid: a list of one or more numbers from 0")
    if not set(p.get("lnc_budgets", [])) <= set(p.get("budgets", [])):
        raise ConfigError(f"{experiment}: lnc_budgets: {p['lnc_budgets']!r}; valid: some of budgets, {p['budgets']!r}")


def _check_attacker(where: str, how: Any, many: bool, stops: bool) -> None:
    """Hold a fresh classifier's own settings to the four that there are, five where it ``stops`` on rows held back."""
    keys = (*ATTACKER, HELD_BACK) if stops else ATTACKER
    if not isinstance(how, Mapping) or set(how) != set(keys):
        raise ConfigError(f"{where}: {how!r}; valid: a mapping of {', '.join(keys)}")
    if stops and not (is_number(how[HELD_BACK]) and 0 <= how[HELD_BACK] <= 0.5):
        raise ConfigError(f"{where}: {HELD_BACK}: {how[HELD_BACK]!r}; valid: from 0 to 0.5")
    for key in ("steps", "batch"):
        number(f"{where}: {key}", how[key], 1, whole=True)
    number(f"{where}: lr", how["lr"], 0, above=True)
    _check_hidden(where, how["hidden"], many)


def _check_hidden(where: str, hidden: Any, many: bool) -> None:
    """Hold the widths of a network's hidden layers, one or a list, to whole numbers."""
    widths = hidden if many and isinstance(hidden, list) else [hidden]
    if not widths or not all(is_number(v, whole=True) and v >= 1 for v in widths):
        valid = "a list of whole numbers from 1" if many else "a whole number from 1"
        raise ConfigError(f"{where}: hidden: {hidden!r}; valid: {valid}")


def check_game(experiment: str, p: Mapping[str, Any], own: Tensor) -> None:
    """Hold a game to a budget to train for, and its batches to its rows, ``own (seeds, n)`` those that A may touch.

    Raises:
        ConfigError: Where no budget is above 0, or a batch is larger than what it is drawn from.
    """
    if not any(b > 0 for b in p["budgets"]):
        raise ConfigError(f"{experiment}: budgets: {p['budgets']!r}; valid: a list with a number above 0")
    check_batch(experiment, p["batch"], int(own.sum(-1).min()), "rows of the filter's own")
    check_batch(experiment, p["batch"] * p["inner_steps"], own.shape[-1], "training rows", "batch times inner_steps")


def check_one_filter(experiment: str, p: Mapping[str, Any]) -> None:
    """Hold an artefact that trains its filters itself, one budget for all, to what it can tell apart.

    Raises:
        ConfigError: The first setting that it would pass over, or stumble on later.
    """
    for key in ("private", "utility"):
        if p[key]:
            raise ConfigError(f"{experiment}: {key}: {p[key]!r}; valid: '' (its labels are its artefact's, in turn)")
    if p["mechanism"] != "filter":
        raise ConfigError(f"{experiment}: mechanism: {p['mechanism']!r}; valid: filter")
    if len(p["budgets"]) != 1 or p["budgets"][0] <= 0:
        raise ConfigError(f"{experiment}: budgets: {p['budgets']!r}; valid: a list of one number above 0")


def check_trained(experiment: str, p: Mapping[str, Any], cell: str, trained: Sequence[float], *keys: str) -> None:
    """Hold the budgets of an attack to those of the mechanisms it reads; 0 is the identity and needs none.

    Raises:
        ConfigError: The first budget without a mechanism, with those of ``cell``.
    """
    for key in keys:
        asked = p[key] if isinstance(p[key], list) else [p[key]]
        for b in asked:
            if b and b not in trained:
                valid = ", ".join(f"{v:g}" for v in sorted({0, *trained}))
                raise ConfigError(f"{experiment}: {key}: {b!r}; valid: {valid} (those of {cell})")


def check_told(experiment: str, p: Mapping[str, Any], cell: str, trained: Mapping[str, Any]) -> None:
    """Hold an attack's labels to those that the mechanism it reads was ``trained`` for: a filter is told the private.

    Raises:
        ConfigError: The first that is another one.
    """
    for key in ("private", "utility"):
        if p[key] != trained[key]:
            raise ConfigError(f"{experiment}: {key}: {p[key]!r}; valid: {trained[key]} (what {cell} was trained for)")


def check_batch(experiment: str, batch: int, rows: int, what: str, key: str = "batch") -> None:
    """Hold a batch to the rows that it is drawn from.

    Raises:
        ConfigError: Where they are fewer.
    """
    if batch > rows:
        raise ConfigError(f"{experiment}: {key}: {batch} does not fit {rows} {what}; valid: at most {rows}")


def _numbers(values: Any, least: float) -> bool:
    return isinstance(values, list) and all(is_number(v) and v >= least for v in values)
