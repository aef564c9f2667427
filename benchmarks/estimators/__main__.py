"""Run the estimator benchmark: ``python -m benchmarks.estimators [accuracy] [staircase] [speed]``.

Peers come from ``benchmarks/requirements.txt``, whose pins differ from the project's own, so in an environment of
their own; what is missing there is an error, not an empty row. Runs are kept under ``--log`` and never repeated;
tables go to ``--out`` as markdown and csv.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from functools import partial
from pathlib import Path

import torch

from benchmarks.estimators import accuracy, speed, staircase

OURS = ("auto", "t_copula", "gaussian", "ksg")
OURS_ON_CORE = ("infonce", "donsker_varadhan", "smile")
PARTS = ("accuracy", "staircase", "speed")


def main(argv: list[str] | None = None) -> None:
    """Run the parts asked for, all by default, and write one table for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimators", description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="part", help=", ".join(PARTS))
    parser.add_argument("--peers", choices=("none", "core", "all"), default="core", help="tasks that peers run on")
    parser.add_argument("--seeds", type=int, default=3, help="samples per task for ours; peers take one")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--log", type=Path, default=Path("data/generated/benchmarks"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/estimators/results"))
    options = parser.parse_args(argv)
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    torch.set_num_threads(1)
    for part in options.parts:
        write(options.out / part, {"accuracy": _accuracy, "staircase": _staircase, "speed": _speed}[part](options))


def _accuracy(options: argparse.Namespace) -> list[dict]:
    from benchmarks.estimators.peers import load_peers
    from benchmarks.estimators.tasks import CORE, load_tasks

    log = options.log / "accuracy.jsonl"
    tasks = load_tasks()
    accuracy.run(accuracy.load_ours(OURS), tasks, options.rows, 0, log)
    accuracy.run(accuracy.load_ours(OURS_ON_CORE), load_tasks(list(CORE)), options.rows, 0, log)
    for seed in range(1, options.seeds):
        accuracy.run(accuracy.load_ours(("auto",)), tasks, options.rows, seed, log)
    if options.peers != "none":
        chosen = tasks if options.peers == "all" else load_tasks(list(CORE))
        accuracy.run(load_peers(), chosen, options.rows, 0, log)
    return accuracy.summarise(accuracy.read(log))


def _staircase(options: argparse.Namespace) -> list[dict]:
    log = options.log / "staircase.jsonl"
    rows = accuracy.read(log)
    log.parent.mkdir(parents=True, exist_ok=True)
    climbers = {"smile (ours)": partial(staircase.climb_ours, "smile", **staircase.SETTINGS)}
    for name, climb in climbers.items():
        for cubic in (False, True):
            if any(row["cubic"] == cubic and row["estimator"] == name for row in rows):
                continue
            row = {"estimator": name, "cubic": cubic, **climb(cubic=cubic)}
            rows.append(row)
            with log.open("a") as stream:
                stream.write(json.dumps(row) + "\n")
    return rows


def _speed(options: argparse.Namespace) -> list[dict]:
    del options
    return speed.compare()


def write(stem: Path, rows: list[dict]) -> None:
    """Write rows as ``<stem>.csv`` and ``<stem>.md`` and print the latter."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    keys = list(rows[0])
    with stem.with_suffix(".csv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, keys, extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)
    lines = ["| " + " | ".join(keys) + " |", "|" + " --- |" * len(keys)]
    lines += ["| " + " | ".join(_cell(row[key]) for key in keys) + " |" for row in rows]
    stem.with_suffix(".md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines), flush=True)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.3g}"
    return str(value)


if __name__ == "__main__":
    main()
