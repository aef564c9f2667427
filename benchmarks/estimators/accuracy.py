"""Error and seconds of ours and of the peers over the task list, one line of JSON per run, resumable."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from benchmarks.estimators.tasks import CORE, Task

Estimate = Callable[[np.ndarray, np.ndarray], float]


def load_ours(names: Iterable[str]) -> dict[str, Estimate]:
    """Return estimators of this package at their default settings."""
    from common.estimators import create

    def call(name: str) -> Estimate:
        return lambda x, y: create(name).estimate(x, y)

    return {f"{name} (ours)": call(name) for name in names}


def run(estimators: dict[str, Estimate], tasks: list[Task], rows: int, seed: int, log: Path) -> None:
    """Run what ``log`` does not hold yet. Seconds are of wall clock and of processor, the latter for busy machines."""
    done = {(r["estimator"], r["task"], r["seed"], r["rows"]) for r in read(log)}
    log.parent.mkdir(parents=True, exist_ok=True)
    for task in tasks:
        x, y = task.sample(rows, seed)
        for name, estimate in estimators.items():
            if (name, task.name, seed, rows) in done:
                continue
            wall, cpu = time.perf_counter(), time.process_time()
            value = estimate(x, y)
            record = {
                "estimator": name, "task": task.name, "seed": seed, "rows": rows, "truth": task.truth,
                "value": value, "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu,
            }  # fmt: skip
            with log.open("a") as stream:
                stream.write(json.dumps(record) + "\n")
            print(f"{name:34s} {task.name:50s} {value - task.truth:+.3f} nats {record['wall']:6.2f} s", flush=True)


def read(log: Path) -> list[dict]:
    """Return the records of a log, none where it is not there."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def summarise(records: list[dict]) -> list[dict]:
    """Return one row per estimator: mean absolute errors in nats, processor seconds, and ratios to our ``auto``.

    A list that an estimator did not finish leaves its error empty. ``core_over_auto`` compares errors on the core list.
    """
    everything, core = {r["task"] for r in records}, set(CORE)
    rows = []
    for name in sorted({r["estimator"] for r in records}):
        own = [r for r in records if r["estimator"] == name and math.isfinite(r["value"])]
        if not own:
            continue
        seconds = [r["cpu"] for r in own]
        rows.append(
            {
                "estimator": name,
                "tasks": len({r["task"] for r in own}),
                "samples": len({r["seed"] for r in own}),
                "core_error": _mean_error(own, core),
                "all_error": _mean_error(own, everything),
                "worst_error": max(abs(r["value"] - r["truth"]) for r in own),
                "median_s": float(np.median(seconds)),
                "max_s": max(seconds),
            }
        )
    auto = next((r for r in rows if r["estimator"] == "auto (ours)"), None)
    for row in rows:
        row["core_over_auto"] = row["core_error"] / auto["core_error"] if auto else math.nan
        row["seconds_over_auto"] = row["median_s"] / auto["median_s"] if auto else math.nan
    return sorted(rows, key=lambda row: (math.isnan(row["core_error"]), row["core_error"]))


def _mean_error(records: list[dict], tasks: set[str]) -> float:
    if not tasks <= {r["task"] for r in records}:
        return math.nan
    return float(np.mean([abs(r["value"] - r["truth"]) for r in records if r["task"] in tasks]))
