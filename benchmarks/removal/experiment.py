"""Trains one method on one ground at every strength, and leaves what it releases: codes of known and test rows.

``python -m benchmarks.removal.experiment results/quick/removal/adult/irene/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.removal.filtering import released_by_filter
from benchmarks.removal.grounds import Ground, Grounds
from benchmarks.removal.networks import encoder
from benchmarks.removal.settings import check
from benchmarks.removal.terms import TERMS
from common.models.initial import linear
from common.results import Origin
from common.training.batches import Batches
from common.training.checkpoint import Checkpoint, save_tensors
from common.training.in_turn import InTurn
from common.training.machine import Machine, prepare
from common.training.parts import Part
from common.training.progress import Progress
from common.training.seeding import derive, generator
from common.training.trainer import Trainer
from common.workflow.config import ConfigError
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job

ROOT = Path(__file__).resolve().parents[2]
READ_BATCH = 500
RELEASED = ("known", "test")
Released = dict[str, Tensor]


def one_run(
    turns: InTurn,
    name: str,
    ground: Ground,
    p: dict[str, Any],
    seed: int,
    strength: float,
    machine: Machine,
    bar: Progress,
) -> tuple[Trainer, Released]:
    """Train the encoder with one method's term at one strength; return the trainer and the codes it releases."""
    place = ("removal", p["method"], seed)
    # encoder, head and order of the rows are the same for every method and strength of a seed
    shared = {
        "encoder": encoder(ground.shape, p["width"], generator("removal", "encoder", seed)),
        "target": linear(p["width"], ground.classes[0], generator("removal", "target", seed)),
    }
    term = TERMS[p["method"]](ground, p, strength, partial(generator, *place, f"{strength:g}"))
    nets = nn.ModuleDict({**shared, "term": term}).to(machine.device)
    adam = partial(torch.optim.Adam, lr=p["lr"])
    own = {key: net for key, net in term.named_children() if any(True for _ in net.parameters())}
    trainer = Trainer(
        nets,
        [Part(key, net, adam) for key, net in {**shared, **own}.items()],
        lambda batch: term.turns(shared["encoder"](batch["x"]), batch, shared["target"]),
        Batches(
            ground.parts["train"],
            min(p["batch"], len(ground.parts["train"]["y"])),
            generator("removal", "order", seed),
            transform=ground.unit,
            drop_last=True,
        ),
        epochs=p["epochs"],
        machine=machine,
        generators={"noise": term.noise},
        progress=bar,
        seed=derive(*place, "torch"),
    )
    turns.run(name, trainer)
    return trainer, {part: read(shared["encoder"], ground, part) for part in RELEASED}


@torch.no_grad()
def read(net: nn.Module, ground: Ground, part: str) -> Tensor:
    """Return the frozen encoder's codes (n, width) of one part, on the CPU."""
    was = net.training
    net.eval()
    chunks = ground.parts[part]["x"].split(READ_BATCH)
    codes = torch.cat([net(ground.unit({"x": chunk})["x"]).float().cpu() for chunk in chunks])
    net.train(was)
    return codes


def labels(ground: Ground) -> Released:
    """Return the labels of the released rows."""
    return {f"{which}_{part}": ground.parts[part][which].cpu() for part in RELEASED for which in "ys"}


class Experiment:
    """One cell at work: every seed and strength in turn, under one checkpoint."""

    def __init__(self, job: Job, seeds: list[int]) -> None:
        self.job, self.p, self.seeds = job, job.config.params, seeds
        valid = [*TERMS, "generative_filter"]
        if self.p["method"] not in valid:
            raise ConfigError(f"method: {self.p['method']!r} is unknown; valid: {', '.join(valid)}")
        check(job)
        # five small networks: bf16 gains nothing here
        self.machine = prepare(job.config.device, "fp32")
        self.grounds = Grounds(job)
        self.turns = InTurn(Checkpoint(job.checkpoint_path(seeds), job.config.checkpoint_seconds))
        steps = self.p["epochs"] * max(1, self.p["train_rows"] // self.p["batch"])
        cell = job.config.cell
        total = len(seeds) * len(self.p["strengths"]) * steps
        self.progress = Progress(f"removal {cell.experiment}/{cell.variant}, seeds {seeds}", total)

    def one_seed(self, seed: int) -> tuple[Outcome, Origin]:
        """Train a seed at every strength and keep what was released; a strength that diverged releases nothing."""
        ground = self.grounds.of(seed, self.machine.device)
        kept, stopped, series = labels(ground), [], {}
        if self.p["method"] == "generative_filter":
            codes, stopped = released_by_filter(self.turns, ground, self.p, seed, self.machine)
            kept |= codes
            self.progress.advance(self.progress.total // len(self.seeds))
        else:
            for strength in self.p["strengths"]:
                name = f"seed {seed}, strength {strength:g}"
                found = one_run(self.turns, name, ground, self.p, seed, strength, self.machine, self.progress)
                trainer, codes = found
                status, message = trainer.status()
                series |= {
                    f"{key}_{strength:g}": [v[0] for v in values] for key, values in trainer.history.epochs.items()
                }
                if status == "ok":
                    kept |= {f"{strength:g}/{part}": z for part, z in codes.items()}
                else:
                    stopped.append(f"strength {strength:g}: {message}")
        save_tensors(self.job.weights_path(seed), kept)
        rows = {f"{part}_rows": float(len(ground.parts[part]["y"])) for part in ground.parts}
        return Outcome(rows, series, "diverged" if stopped else "ok", "; ".join(stopped)), ground.origin


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run every seed of the cell."""
    work = Experiment(job, seeds)
    found = {seed: work.one_seed(seed) for seed in seeds}
    work.progress.close()
    return {seed: outcome for seed, (outcome, _) in found.items()}, found[seeds[0]][1], work.machine.dtype


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
