"""Disentanglement: a code that holds everything of a picture but one attribute, which the decoder is given.

dSprites with T = shape, faces with T = expression.
``python -m replications.sliced_infomin.disentangle results/quick/sliced_infomin/dsprites/slice/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, one_hot

from common.results import Origin
from common.training.augment import images, normalise
from common.training.batches import Batch, Batches
from common.training.checkpoint import Checkpoint
from common.training.in_turn import InTurn
from common.training.machine import Machine, prepare
from common.training.parts import Part
from common.training.progress import Progress
from common.training.routing import Route
from common.training.schedules import MultiStep
from common.training.seeding import generator
from common.training.trainer import Trainer
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.sliced_infomin.conv_nets import auto_encoder, decoder
from replications.sliced_infomin.judge import Codes, Judged, Settings, judge
from replications.sliced_infomin.pictures import Attributed, load_faces, load_sprites
from replications.sliced_infomin.rivals import make_infomin, penalty_of
from replications.sliced_infomin.settings import check

ROOT = Path(__file__).resolve().parents[2]
DIM = 256


class Swapper(nn.Module):
    """Encoder of Z, decoder of (Z, T), and the authors' label encoder, which nothing depends on."""

    def __init__(self, classes: int, colours: int, p: dict, draws: torch.Generator) -> None:
        super().__init__()
        self.code = auto_encoder(DIM, draws, p["width"], colours)
        self.label = auto_encoder(classes, draws, p["width"], colours)
        self.decoder = decoder(DIM + classes, draws, p["width"], colours)
        self.infomin = make_infomin(
            p["method"], DIM, classes, [draws], slices=p["slices"], l2=p["l2"], lr=p["inner_lr"]
        )

    def picture(self, z: Tensor, t: Tensor) -> Tensor:
        """Return G(z, t)."""
        return self.decoder(torch.cat([z, t], 1))


class Disentangling:
    """One seed's training: alpha MSE + beta CE(label encoder) + gamma I(Z; T)."""

    def __init__(self, job: Job, seed: int, data: Attributed, machine: Machine) -> None:
        self.job, self.seed, self.p, self.machine = job, seed, job.config.params, machine
        self.classes = len(data.names)
        device = machine.device
        self.x, self.y = data.train.x.to(device), data.train.y.to(device)
        self.test_x, self.test_y = data.test.x.to(device), data.test.y.to(device)
        # drawn: parts of a split are sorted, and a set that lies in the order of T would show readers some of T alone
        cell = job.config.cell
        draws = generator(cell.paper, cell.experiment, seed, "judged rows")  # the same rows for every method
        self.judged_rows = torch.randperm(len(self.x), generator=draws)[: self.p["judge_rows"]].to(device)
        self.net = Swapper(self.classes, self.x.shape[1], self.p, self.draws("init")).to(device)
        self.noise = [self.draws("max-step")]
        self.floats = images("x", normalise(0.0, 1.0))
        batch = min(2 * self.p["batch"], len(self.x))
        rows = {"x": self.x, "y": self.y}
        self.source = Batches(rows, batch, self.draws("order"), transform=self.floats, drop_last=True)

    def draws(self, role: str) -> torch.Generator:
        """Return this seed's generator for a role."""
        cell = self.job.config.cell
        return generator(cell.paper, cell.experiment, cell.variant, self.seed, role)

    def attribute(self, y: Tensor) -> Tensor:
        """Return T (n, classes), one-hot."""
        return one_hot(y, self.classes).float()

    def codes(self, x: Tensor) -> Tensor:
        """Return Z (n, 256) of uint8 images, in pieces, in the mode the net is in."""
        return torch.cat([self.net.code(self.floats({"x": part}, ())["x"]).float() for part in x.split(512)])

    def max_step(self) -> None:
        """Make a max step on random training pictures, the encoder as it trains."""
        rows = torch.randperm(len(self.x), generator=self.noise[0])[: self.p["max_rows"]].to(self.x.device)
        with torch.no_grad():
            z = self.codes(self.x[rows])
        with torch.autocast(z.device.type, enabled=False):
            self.net.infomin.max_step(z[None], self.attribute(self.y[rows])[None], self.noise)

    def step(self, batch: Batch) -> Iterator[list[Route]]:
        """Make a max step, then two min steps: the batch drawn holds both of them."""
        if self.net.infomin.learns or self.net.infomin.attached:  # the others have nothing to fit
            self.max_step()
        for x, y in zip(batch["x"].chunk(2), batch["y"].chunk(2), strict=True):
            yield self.min_step(x, y)

    def min_step(self, x: Tensor, y: Tensor) -> list[Route]:
        """Return the losses of one mini-batch."""
        p, t = self.p, self.attribute(y)
        z = self.net.code(x)
        mse = mse_loss(self.net.picture(z, t).float(), x)
        # the authors' label loss: cross-entropy of a softmax's softmax, which cannot fall below 0.55 for three classes
        label = cross_entropy(self.net.label(x).float().softmax(1), y)
        penalty = penalty_of(self.net.infomin, z[None], t[None], self.noise)[0].float()
        loss = p["alpha"] * mse + p["label_weight"] * label + p["gamma"] * penalty
        tracked = (("mse", mse), ("label", label), ("penalty", penalty))
        return [Route(loss, to=("net",)), *(Route(v.detach(), to=(), name=name) for name, v in tracked)]

    def trainer(self, progress: Progress) -> Trainer:
        """Return the trainer of this seed."""
        adam = partial(torch.optim.Adam, lr=self.p["lr"], betas=(0.5, 0.999))
        trained = [self.net.code, self.net.label, self.net.decoder]
        parts = [Part("net", trained, adam, MultiStep(self.p["milestones"]))]
        return Trainer(
            self.net,
            parts,
            self.step,
            self.source,
            epochs=self.p["epochs"],
            machine=self.machine,
            generators={"max-step": self.noise[0]},
            progress=progress,
        )

    def outcome(self, trainer: Trainer, show: bool) -> Outcome:
        """Return test MSE, the label encoder's accuracy, rho*(Z, T) by fresh readers, and swapped pictures.

        ``rho_zt`` is the strongest reader's and ``rho_zt_code`` the code's, means over the columns of T.
        """
        status, message = trainer.status()
        if status != "ok":
            return Outcome({}, {}, status, message)
        squared, hits = 0.0, 0
        with trainer.evaluating():
            z, z_test = self.codes(self.x[self.judged_rows]), self.codes(self.test_x)
            for x, y, code in zip(self.test_x.split(512), self.test_y.split(512), z_test.split(512), strict=True):
                picture = self.floats({"x": x}, ())["x"]
                squared += float((self.net.picture(code, self.attribute(y)) - picture).square().mean()) * len(x)
                hits += int((self.net.label(picture).argmax(1) == y).sum())
            series = self.swapped() if show else {}
        rho = self.judged(z, z_test)
        metrics = {
            "mse": squared / len(self.test_x),
            "label_accuracy": 100 * hits / len(self.test_x),
            "rho_zt": float(rho.value.mean()),
            "rho_zt_worst": float(rho.value.max()),
            "rho_zt_code": float(rho.readings["code"].value.mean()),
            "penalty": trainer.history["penalty"][-1][0],
            "steps": 2.0 * trainer.steps,
        }
        return Outcome(metrics, series)

    def judged(self, z: Tensor, z_test: Tensor) -> Judged:
        """Return rho*(Z, T_j) for each column of T by the strongest of fresh readers, one member a column."""
        told = (self.y[self.judged_rows], self.test_y)
        columns = [self.attribute(y).T[..., None] for y in told]
        stacked = [v.expand(self.classes, -1, -1) for v in (z, z_test)]
        p, batch = self.p, min(500, int(0.8 * len(z)))
        settings = Settings((200,), p["judge_steps"], batch, rounds=p["judge_rounds"])
        roles = [
            ("sliced_infomin", "judge", self.job.config.cell.experiment, self.seed, j) for j in range(self.classes)
        ]
        return judge(Codes(stacked[0], columns[0], stacked[1], columns[1]), settings, roles)

    def swapped(self) -> dict[str, list[float | None]]:
        """Return eight x1, x2, G(z1, t2), G(z2, t1) of different attributes as flat lists of 0..255."""
        first = torch.nonzero(self.test_y == 0)[:8, 0]
        second = torch.nonzero(self.test_y == 1)[:8, 0]
        x = [self.test_x[rows] for rows in (first, second)]
        z = [self.codes(part) for part in x]
        t = [self.attribute(self.test_y[rows]) for rows in (first, second)]
        made = [(255 * self.net.picture(z[k], t[1 - k]).float()).round() for k in (0, 1)]
        rows = {"x1": x[0], "x2": x[1], "g12": made[0], "g21": made[1]}
        return {f"swap_{name}": [float(v) for v in value.flatten().tolist()] for name, value in rows.items()}


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Train the seeds in turn; the lowest one shows its pictures."""
    check(job)
    machine = prepare(job.config.device, job.config.precision)
    p, cell = job.config.params, job.config.cell
    read = load_faces if cell.experiment == "faces" else load_sprites
    loaded = {seed: read(job, seed) for seed in seeds}
    tasks = {seed: Disentangling(job, seed, data, machine) for seed, (data, _) in loaded.items()}
    total = sum(p["epochs"] * len(task.source) for task in tasks.values())
    progress = Progress(f"{cell.paper} {cell.experiment}/{cell.variant}", total)
    turns = InTurn(Checkpoint(job.checkpoint_path(seeds), job.config.checkpoint_seconds))
    outcomes = {}
    for seed, task in tasks.items():
        trainer = turns.run(f"seed {seed}", task.trainer(progress))
        outcomes[seed] = task.outcome(trainer, show=seed == 0)
    return outcomes, loaded[seeds[0]][1], machine.dtype


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
