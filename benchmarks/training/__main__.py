"""Run the training benchmark: ``python -m benchmarks.training``; about two minutes on one quiet core.

Writes ``speed.csv`` and ``speed.md`` to ``--out``. Every measurement has a process of its own, on one thread.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import torch

from benchmarks.training.cases import BATCH, SEEDS

WHAT = {
    "biased_mnist": "four 7x7 convolutions, 28x28, batch 100",
    "resnet18": "ResNet-18, CIFAR stem, batch 64",
    "perceptron": f"perceptron 20-100-100-2, {SEEDS} seeds, batch 100",
    "perceptron_norm": f"perceptron 64-128-128-10 with BatchNorm, {SEEDS} seeds, batch 100",
}
BARS = {"biased_mnist": 4.0, "resnet18": 2.5, "perceptron": 6.0, "perceptron_norm": float("nan")}
# multiply-adds of a training step per image as direct sums: forward, and twice that backward less the first layer's
DIRECT = {
    "biased_mnist": 3 * 414.9e6 - 1.8e6,
    "resnet18": 3 * 555.4e6 - 1.8e6,
    "perceptron": 3 * 12_200 - 2000,
    "perceptron_norm": 3 * 25_856 - 8192,
}


def main(argv: list[str] | None = None) -> None:
    """Measure every case both ways, then the machine, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", default=list(WHAT), metavar="case", help=", ".join(WHAT))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/training/results"))
    options = parser.parse_args(argv)
    if unknown := set(options.cases) - set(WHAT):
        parser.error(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(WHAT)}")
    rates = {name: matrix_rate(dtype) for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16))}
    rows = [row(case, rates) for case in options.cases]
    note = ", ".join(f"{name} {rate / 1e9:.0f} GFLOP/s" for name, rate in rates.items())
    write(options.out / "speed", rows, f"Matrix products of this machine, one thread: {note}.")


def row(case: str, rates: dict[str, float]) -> dict[str, object]:
    """Return one line of the table."""
    small = case.startswith("perceptron")
    # of short steps three rounds in turn, the least of each: a core shares its cache, and others' work comes in bursts
    rounds = [(run(case, "plain"), run(case, "ours")) for _ in range(3 if small else 1)]
    plain, ours = (min(found, key=lambda one: one["seconds"]) for found in zip(*rounds, strict=True))
    seeds = SEEDS if small else 1
    seconds = ours["seconds"] / seeds  # of one seed's step
    rate = 2 * DIRECT[case] * BATCH[case] / seconds
    return {
        "what": WHAT[case],
        "plain, images/s": BATCH[case] / plain["seconds"],
        "engine, images/s": BATCH[case] / seconds,
        "ratio": plain["seconds"] / seconds,
        "bar": BARS[case],
        "plain, peak MB": plain["peak_mb"],
        "engine, peak MB": ours["peak_mb"],
        "direct GFLOP/s": rate / 1e9,
        "of fp32 rate": rate / rates["fp32"],
        "of bf16 rate": rate / rates["bf16"],
    }


def run(case: str, who: str) -> dict[str, float]:
    """Measure in a fresh process, on one thread."""
    command = [sys.executable, "-m", "benchmarks.training.cases", case, who]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def matrix_rate(dtype: torch.dtype, size: int = 1024) -> float:
    """Return the operations a second of the best of some square matrix products on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    a, b = torch.randn(size, size, dtype=dtype), torch.randn(size, size, dtype=dtype)
    a @ b
    best = float("inf")
    for _ in range(8):
        begun = time.process_time()
        a @ b
        best = min(best, time.process_time() - begun)
    torch.set_num_threads(threads)
    return 2 * size**3 / best


def write(stem: Path, rows: list[dict[str, object]], note: str) -> None:
    """Write rows as ``<stem>.csv`` and ``<stem>.md`` and print the latter."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    with stem.with_suffix(".csv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + " --- |" * len(rows[0])]
    lines += ["| " + " | ".join(_cell(value) for value in line.values()) + " |" for line in rows]
    stem.with_suffix(".md").write_text("\n".join([*lines, "", note]) + "\n")
    print("\n".join([*lines, "", note]), flush=True)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
