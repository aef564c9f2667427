"""The batches that a cell's settings make, and a clear word before anything is trained where they make none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.workflow.config import ConfigError


def whole_batches(key: str, batch: int, rows: int, what: str) -> int:
    """Return how many batches of the setting ``key`` the rows hold; raises ConfigError where they hold none."""
    if not 1 <= batch <= rows:
        raise ConfigError(f"{key}: {batch} does not fit {rows} {what}")
    return rows // batch


def batches_of(p: Mapping[str, Any]) -> int:
    """Return the batches of one pass over a seed's training rows."""
    rows = 2 * round(p["n_per_class"] * p.get("train_share", 1.0))
    return whole_batches("batch", p["batch"], rows, "training rows (2 n_per_class train_share)")


def heldout_batches(p: Mapping[str, Any]) -> int:
    """Return the batches of the fresh rows that judge a frozen critic."""
    return whole_batches("batch", p["batch"], p["heldout"] // 2 * 2, "fresh rows (heldout)")


def probe_batches(p: Mapping[str, Any], key: str = "batch") -> int:
    """Return the batches of one pass of a classifier, or an attacker, over the rows that do not judge it."""
    rows = 2 * round(p["n_per_class"] * (1 - p.get("test_share", 0.2)))
    return whole_batches(key, p[key], rows, "rows to train on")
