"""Fair representations of US Census and Adult: deck table 4, the poster's tables and its number-of-slices figure.

``python -m replications.sliced_infomin.fairness results/quick/sliced_infomin/census/slice/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from common.losses.correlation import correlation
from common.results import Origin
from common.training.batches import Batch, Batches
from common.training.checkpoint import Checkpoint, save_tensors
from common.training.history import series_of
from common.training.machine import prepare
from common.training.parts import Part
from common.training.progress import Progress
from common.training.routing import Route
from common.training.seeding import generator
from common.training.trainer import Trainer
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.sliced_infomin.fair_nets import CODE, FairNet, MemberAdam
from replications.sliced_infomin.fair_tables import load_rows
from replications.sliced_infomin.rivals import make_infomin, penalty_of
from replications.sliced_infomin.settings import check
from replications.sliced_infomin.stack import take_rows

ROOT = Path(__file__).resolve().parents[2]


class Fairness:
    """min_f -(beta |corr(head(Z), Y)| - I(Z; T)) for a stack of seeds: beta weighs the utility, as in the code (D2)."""

    def __init__(self, job: Job, seeds: list[int]) -> None:
        self.job, self.seeds, self.p = job, seeds, job.config.params
        self.machine = prepare(job.config.device, "fp32")  # five small networks: bf16 gains nothing here
        train, test, self.origin, names = load_rows(job, seeds, job.config.params)
        self.train, self.test = train.to(self.machine.device), test.to(self.machine.device)
        cut = int(0.8 * train.x.shape[1])
        self.fit, self.val = self.train.part(0, cut), self.train.part(cut)
        init = [self.draws("init", s) for s in seeds]
        p = self.p
        self.infomin = make_infomin(p["method"], CODE, 1, init, slices=p["slices"], l2=p["l2"], lr=p["inner_lr"])
        self.net = FairNet(len(names), self.infomin, init).to(self.machine.device)
        self.noise = [self.draws("max-step", s) for s in seeds]

    def draws(self, role: str, seed: int) -> torch.Generator:
        """Return a generator of this cell for a role and a seed."""
        cell = self.job.config.cell
        return generator(cell.paper, cell.experiment, cell.variant, seed, role)

    def step(self, batch: Batch) -> list[Route]:
        """Make a max step and the min step on the mini-batch's codes."""
        z = self.net.encoder(batch["x"])
        if self.p["fit_rows"]:
            self.max_step(self.p["fit_rows"])  # --fit-large: D' apart from the mini-batch
        else:
            self.infomin.max_step(z.detach(), batch["t"], self.noise)
        utility = self.net.utility(z, batch["y"])
        penalty = penalty_of(self.infomin, z, batch["t"], self.noise)
        loss = self.p["beta"] * -utility + penalty.float()
        return [
            Route(loss, to=("encoder", "head"), name="loss"),
            Route(utility.detach(), to=(), name="utility"),
            Route(penalty.detach().float(), to=(), name="penalty"),
        ]

    @torch.no_grad()
    def max_step(self, rows: int) -> None:
        """Make a max step on ``rows`` training rows drawn at random, by present codes, where there is one to make."""
        if not self.infomin.fitted:
            return
        n = self.fit.x.shape[1]
        chosen = torch.stack([torch.randperm(n, generator=g)[: min(rows, n)] for g in self.noise])
        x, t = (take_rows(v, chosen.to(v.device)) for v in (self.fit.x, self.fit.t))
        self.infomin.max_step(self.net.encoder(x), t, self.noise)

    def after_epoch(self, trainer: Trainer) -> dict[str, list[float]]:
        """Make the epoch's max step on training rows, then look at the validation rows: rate and snapshot."""
        self.max_step(self.p["epoch_rows"])
        with torch.no_grad():
            z = self.net.encoder(self.val.x)
            utility = self.net.utility(z, self.val.y).float()
            penalty = penalty_of(self.infomin, z, self.val.t, self.noise).float()
        loss = penalty - self.p["beta"] * utility
        self.net.plateau(loss, self.p["patience"])
        if trainer.epoch >= self.p["snapshot_from"] and not self.infomin.learns:
            self.net.keep_best(loss, trainer.epoch)
        return {"val_utility": utility.tolist(), "val_penalty": penalty.tolist(), "val_loss": loss.tolist()}

    def trainer(self) -> Trainer:
        """Return the trainer of the stack."""
        p = self.p
        optimiser = partial(MemberAdam, lr=p["lr"], scale=self.net.rate)
        parts = [Part(name, getattr(self.net, name), optimiser) for name in ("encoder", "head")]
        batch = min(p["batch"], self.fit.x.shape[1])
        orders = [self.draws("order", s) for s in self.seeds]
        source = Batches(self.fit.tensors(), batch, orders, drop_last=True, own=("x", "y", "t"))
        cell = self.job.config.cell
        progress = Progress(f"{cell.paper} {cell.experiment}/{cell.variant}", p["epochs"] * len(source))
        return Trainer(
            self.net,
            parts,
            self.step,
            source,
            epochs=p["epochs"],
            machine=self.machine,
            members=len(self.seeds),
            after_epoch=self.after_epoch,
            generators={f"max-step.{k}": g for k, g in enumerate(self.noise)},
            progress=progress,
        )

    @torch.no_grad()
    def own_utility(self) -> dict[str, Tensor]:
        """Return what the head that was trained along reads of Y on the test rows, as the code does, per member."""
        encoder, head = self.net.final()
        read = head(encoder(self.test.x))[..., 0]
        y = self.test.y[..., 0]
        return {
            "head_zy": correlation(read, y).abs(),
            "head_zy_last500": correlation(read[:, -500:], y[:, -500:]).abs(),
        }

    def save(self, member: int, path: Path) -> None:
        """Keep one member's encoder and head that count."""
        parts = zip(("encoder", "head"), self.net.final(), strict=True)
        save_tensors(path, {f"{name}.{key}": v[member] for name, net in parts for key, v in net.state_dict().items()})


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Train the stack and keep its encoders and heads; what their codes tell is judged by another job."""
    check(job)
    task = Fairness(job, seeds)
    trainer = task.trainer().run(Checkpoint(job.checkpoint_path(seeds), job.config.checkpoint_seconds))
    found = task.own_utility()
    outcomes = {}
    for k, seed in enumerate(seeds):
        status, message = trainer.status(k)
        metrics = {name: float(values[k]) for name, values in found.items()}
        metrics |= {"kept_epoch": float(task.net.kept_epoch[k]), "test_rows": float(task.test.x.shape[1])}
        series = {name: series_of(trainer.history[name], k, 4) for name in ("val_utility", "val_penalty", "penalty")}
        task.save(k, job.weights_path(seed))
        outcomes[seed] = Outcome(metrics if status == "ok" else {}, series, status, message)
    return outcomes, task.origin, task.machine.dtype


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
