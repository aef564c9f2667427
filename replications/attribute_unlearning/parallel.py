"""Table 2: seconds of an epoch and memory, end to end and decoupled, in one run on one machine.

Random pixels of the images' shape: neither depends on what they show. Each way trains a network of its own; rounds of
the ways take turns, so that what else the machine does meets all of them, and the median round counts. Seconds are
wall-clock, an epoch is ``images // batch`` steps; side by side its first step has nothing to be beside, and counts once
an epoch, not once a round. On CUDA the two parts run on two streams and memory is the allocator's peak; on a CPU they
run on two threads with half of the job's threads each (end to end has them all), and memory is counted: parameters,
gradients, momenta and what the graphs hold. The record says which, and how busy the machine was before: on one that
does other work the seconds mean little.
``python -m replications.attribute_unlearning.parallel results/quick/attribute_unlearning/parallel/r18/config.json``
"""

from __future__ import annotations

import hashlib
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from common.results import Origin
from common.training.arrange import prepare_for_convolutions
from common.training.machine import Machine
from common.training.progress import Progress
from common.training.seeding import generator
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.attribute_unlearning import networks
from replications.attribute_unlearning.decoupling import Batch, Handed, Parts, end_to_end, in_turns, side_by_side
from replications.attribute_unlearning.held import Ledger, counting, kept
from replications.attribute_unlearning.method import Lambdas
from replications.attribute_unlearning.settings import check

ROOT = Path(__file__).resolve().parents[2]
CLASSES = (2, 10)  # living or not; the class
WAYS: dict[str, Callable[[Parts, Sequence[Batch]], None]] = {
    "raw": end_to_end,
    "sequential": in_turns,
    "decoupled": side_by_side,
}
MB = 2**20
TASKS = len(WAYS) + 3  # and one step side by side, and each part alone
MEETINGS = 4  # steps that memory is the most of


def make_parts(p: Mapping[str, Any], seed: int, machine: Machine) -> Parts:
    """Return a fresh network with its auxiliary network and optimisers."""
    setting = {**p, "method": "unlearn", "entropy": False}
    nets = networks.model(setting, p["depth"], seed, CLASSES, machine)
    return Parts(nets.train(), Lambdas(p["lambda1"], p["lambda2"], p["lambda3"]), machine)


def make_batch(p: Mapping[str, Any], seed: int, machine: Machine) -> Batch:
    """Return one batch of random pixels and labels."""
    random = generator("attribute_unlearning", "pixels", seed)
    x = torch.rand(p["batch"], 3, p["side"], p["side"], generator=random)
    y, z = (torch.randint(0, classes, (p["batch"],), generator=random) for classes in CLASSES)
    return x.to(machine.device), y.to(machine.device), z.to(machine.device)


def wait(machine: Machine) -> None:
    """Wait until the device has done what it was asked for."""
    if machine.device.type == "cuda":
        torch.cuda.synchronize(machine.device)


def latencies(p: Mapping[str, Any], seed: int, machine: Machine, progress: Progress) -> dict[str, float]:
    """Return the seconds of an epoch each way, and of each part alone."""
    batch = make_batch(p, seed, machine)
    tasks: dict[str, Callable[[int], None]] = {}
    for name, way in WAYS.items():
        tasks[name] = partial(_train, way, make_parts(p, seed, machine), batch)
    alone = make_parts(p, seed, machine)
    handed = alone.lower(batch)
    tasks["lower"] = partial(_repeat, alone.lower, batch)
    tasks["upper"] = partial(_repeat, alone.upper, Handed(handed.h, handed.y))
    for task in tasks.values():
        task(p["warm_up"])
    steps = dict.fromkeys(tasks, p["steps"])
    tasks["one"], steps["one"] = tasks["decoupled"], 1
    found: dict[str, list[float]] = {name: [] for name in tasks}
    progress.advance(len(tasks))
    for _ in range(p["rounds"]):
        for name, task in tasks.items():
            wait(machine)
            begun = time.perf_counter()
            task(steps[name])
            wait(machine)
            found[name].append(time.perf_counter() - begun)
            progress.advance(1)
    epoch = p["images"] // p["batch"]
    rounds = {name: statistics.median(values) for name, values in found.items()}
    one = rounds.pop("one")
    seconds = {name: value * epoch / p["steps"] for name, value in rounds.items()}
    return seconds | {"decoupled": side_by_side_epoch(one, rounds["decoupled"], p["steps"], epoch)}


def side_by_side_epoch(one: float, several: float, steps: int, epoch: int) -> float:
    """Return the seconds of an epoch side by side, from those of one step and of a round of ``steps`` of them.

    One step alone is a part after the other, L + U; ``steps`` of them take L + (steps - 1) max(L, U) + U, so that a
    short round would show little of what runs at once. No pipeline of two parts is faster than half of both, which
    bounds what the noise of one clocked step can do.
    """
    return one + (epoch - 1) * max((several - one) / (steps - 1), one / 2)


def _train(way: Callable[[Parts, Sequence[Batch]], None], parts: Parts, batch: Batch, steps: int) -> None:
    way(parts, [batch] * steps)


def _repeat(step: Callable[[Any], object], given: object, steps: int) -> None:
    for _ in range(steps):
        step(given)


class Counted(Parts):
    """Parts whose graphs are entered in a ledger, in whichever thread they are made."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.nets, parts.lambdas, parts.machine)
        self.ledger = Ledger(parts.nets)

    def raw(self, batch: Batch) -> None:
        """Take one step end to end."""
        with counting(self.ledger):
            super().raw(batch)

    def lower(self, batch: Batch) -> Handed:
        """Take one step of Phi and the auxiliary network."""
        with counting(self.ledger):
            return super().lower(batch)

    def upper(self, handed: Handed) -> Any:
        """Take one step of Omega."""
        with counting(self.ledger):
            return super().upper(handed)


def counted_memory(p: Mapping[str, Any], seed: int, machine: Machine) -> dict[str, float]:
    """Return the bytes each way holds at most: the state of training and the graphs.

    Side by side it depends on how the parts meet, up to the sum of both.
    """
    parts, batch = make_parts(p, seed, machine), make_batch(p, seed, machine)
    found = {}
    for name, way in WAYS.items():
        counted = Counted(parts)
        way(counted, [batch] * MEETINGS)
        found[name] = float(kept(parts.nets) + counted.ledger.most)
    return found


def allocated_memory(p: Mapping[str, Any], seed: int, machine: Machine) -> dict[str, float]:
    """Return the allocator's peak of each way in bytes, CUDA only."""
    found = {}
    for name, way in WAYS.items():
        parts, batch = make_parts(p, seed, machine), make_batch(p, seed, machine)
        way(parts, [batch] * 2)  # the optimisers' momenta are there from the first step on
        wait(machine)
        torch.cuda.reset_peak_memory_stats(machine.device)
        way(parts, [batch] * MEETINGS)
        wait(machine)
        found[name] = float(torch.cuda.max_memory_allocated(machine.device))
        del parts, batch
    return found


def one_seed(p: Mapping[str, Any], seed: int, machine: Machine, progress: Progress, load: float) -> Outcome:
    """Measure one network; ``load`` is the machine's before this job's own, in processes that run."""
    cuda = machine.device.type == "cuda"
    memory = counted_memory(p, seed, machine)
    metrics = {f"counted_{name}_mb": value / MB for name, value in memory.items()}
    memory = allocated_memory(p, seed, machine) if cuda else memory
    seconds = latencies(p, seed, machine, progress)
    metrics |= {f"memory_{name}_mb": value / MB for name, value in memory.items()}
    metrics |= {f"seconds_{name}": value for name, value in seconds.items()}
    threads = torch.get_num_threads()
    metrics |= {
        "ratio": seconds["raw"] / seconds["decoupled"],
        "ratio_sequential": seconds["raw"] / seconds["sequential"],
        "ratio_most": seconds["raw"] / max(seconds["lower"], seconds["upper"]),
        "memory_saving": 1 - memory["decoupled"] / memory["raw"],
        "memory_saving_sequential": 1 - memory["sequential"] / memory["raw"],
        "cuda_streams": 2.0 if cuda else 0.0,
        "cpu_threads": 0.0 if cuda else float(threads),
        "cpu_threads_a_part": 0.0 if cuda else float(max(1, threads // 2)),
        "load_before": load,
    }
    return Outcome(metrics)


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Measure every seed's network in turn."""
    p = job.config.params
    check(job.config.cell.experiment, p)
    machine = prepare_for_convolutions(job.config.device, job.config.precision)
    cell = job.config.cell
    progress = Progress(
        f"attribute_unlearning {cell.experiment}/{cell.variant}", len(seeds) * (p["rounds"] + 1) * TASKS
    )
    recipe = f"random pixels {p['batch']} x 3 x {p['side']} x {p['side']}"
    origin = Origin(name="random-pixels", kind="generated", sha256=hashlib.sha256(recipe.encode()).hexdigest())
    load = os.getloadavg()[0]
    outcomes = {seed: one_seed(p, seed, machine, progress, load) for seed in seeds}
    progress.close()
    return outcomes, origin, machine.dtype


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
