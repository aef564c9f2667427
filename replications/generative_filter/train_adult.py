"""Adult, step 1 and the baselines: VAE, VFAE (with its MMD term) and LMIFR (with multipliers and adversary).

``python -m replications.generative_filter.train_adult results/quick/generative_filter/adult_codes/vae/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, RMSprop

from common.losses.classes import stacked_cross_entropy
from common.results import Origin
from common.training.batches import Batch, Batches
from common.training.checkpoint import Checkpoint, save_tensors
from common.training.history import series_of
from common.training.machine import prepare
from common.training.parts import Part
from common.training.progress import Progress
from common.training.routing import Route
from common.training.schedules import Schedule
from common.training.seeding import derive, generator
from common.training.trainer import Trainer
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.generative_filter import fair
from replications.generative_filter.adult import Bits, read_bits
from replications.generative_filter.settings import check, check_batch
from replications.generative_filter.vae import adult_vae, kl_to_prior, reconstruction_loss, sample

ROOT = Path(__file__).resolve().parents[2]


class Decay(Schedule):
    """0.98 per 1,000 steps, smoothly: lag-fairness's exponential decay."""

    def factor(self, epoch: int, step: int, steps: int) -> float:  # noqa: ARG002
        """Return the factor of one step."""
        return 0.98 ** (step / 1000)


class Model(nn.Module):
    """A VAE on binary inputs with the penalty of one method; the steps that train it."""

    def __init__(
        self, p: Mapping[str, Any], inputs: int, prior: float, role: Sequence[Any], seeds: Sequence[int]
    ) -> None:
        super().__init__()
        self.p, self.prior, self.given = p, prior, int(p["method"] != "vae")

        def draws(part: str) -> list[torch.Generator]:
            return [generator(*role, s, part) for s in seeds]

        self.vae = adult_vae(draws("vae"), self.given, inputs, p["codes"])
        self.q = fair.discriminator(p["codes"], draws("q"))
        self.multipliers = fair.Multipliers(len(seeds))

    def join(self, values: Tensor, u: Tensor) -> Tensor:
        """Append the sensitive bit where the method gives it."""
        return torch.cat([values, u[..., None].to(values)], -1) if self.given else values

    def step(self, batch: Batch) -> Iterator[list[Route]]:
        """Yield the turns of one batch: the network's, and LMIFR's adversary and multipliers."""
        x, u, p = batch["x"].float(), batch["u"], self.p
        mean, log_variance = self.vae.encode(self.join(x, u))
        z = sample(mean, log_variance, batch["noise"])
        error = reconstruction_loss(self.vae.decoder(self.join(z, u)), x).mean(-1)
        kl = kl_to_prior(mean, log_variance).mean(-1)
        if p["method"] == "vae":
            yield [Route(error + kl, to=("vae",), name="loss")]
        elif p["method"] == "vfae":
            apart = fair.mmd(z, u)
            yield [Route(error + kl + p["mmd_weight"] * apart, to=("vae",), name="loss"), Route(apart, (), "mmd")]
        else:
            leaked = fair.information_bound(self.q(z), u, self.prior)
            terms = torch.stack([kl, leaked], -1)
            lagrangian = self.multipliers.penalty(terms, (p["kl_limit"], p["information_limit"]))
            yield [
                Route(error + lagrangian, to=("vae",), name="loss"),
                Route(-lagrangian, to=("multipliers",), name="lagrangian"),  # the multipliers climb
                Route(stacked_cross_entropy(self.q(z.detach()), u), to=("q",), name="q"),
                Route(leaked, to=(), name="information"),
                Route(kl, to=(), name="kl"),
            ]
            self.multipliers.clip()

    def parts(self) -> list[Part]:
        """Return what is trained, with the rates of lag-fairness."""
        p = self.p
        adam = partial(Adam, lr=p["lr"], betas=(0.5, 0.999), fused=True)
        found = [Part("vae", self.vae, adam, Decay())]
        if p["method"] == "lmifr":
            found.append(Part("q", self.q, adam, Decay()))
            found.append(Part("multipliers", self.multipliers, partial(RMSprop, lr=p["multiplier_lr"], alpha=0.9)))
        return found

    @torch.no_grad()
    def codes(self, bits: Bits) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance (members, n, d) of every row."""
        members = len(self.multipliers.values)
        u = bits.private.expand(members, -1).to(self.multipliers.values.device)
        x = bits.x.float().to(u.device).expand(members, -1, -1)
        mean, log_variance = self.vae.encode(self.join(x, u))
        return mean.cpu(), log_variance.cpu()


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Train one method for every seed as one stack; keep the codes of both splits."""
    p, cell = job.config.params, job.config.cell
    check(cell.experiment, p)
    machine = prepare(job.config.device, job.config.precision)
    bits, origin = read_bits(job)
    check_batch(cell.experiment, p["batch"], len(bits["train"].x), "training rows")
    role = (cell.paper, cell.experiment, cell.variant)
    prior = float(bits["train"].private.double().mean())
    model = Model(p, bits["train"].x.shape[1], prior, role, seeds).to(machine.device)

    def with_noise(batch: Batch, noise: Sequence[torch.Generator]) -> Batch:
        drawn = torch.stack([torch.randn(batch["x"].shape[1], p["codes"], generator=g) for g in noise])
        return batch | {"noise": drawn.to(batch["x"].device)}

    source = Batches(
        {"x": bits["train"].x.to(machine.device), "u": bits["train"].private.to(machine.device)},
        p["batch"],
        [generator(*role, s, "order") for s in seeds],
        transform=with_noise,
        noise=[generator(*role, s, "noise") for s in seeds],
        drop_last=True,
    )
    trainer = Trainer(
        model,
        model.parts(),
        model.step,
        source,
        epochs=p["epochs"],
        machine=machine,
        members=len(seeds),
        progress=Progress(
            f"generative_filter {cell.experiment}/{cell.variant}, seeds {seeds}", p["epochs"] * len(source)
        ),
        seed=derive(*role, "torch"),
    )
    trainer.run(Checkpoint(job.checkpoint_path(seeds), job.config.checkpoint_seconds))
    found = {split: model.codes(part) for split, part in bits.items()}
    outcomes = {}
    for k, seed in enumerate(seeds):
        tensors = {f"{name}_{split}": v[k] for split, both in found.items() for name, v in zip("ms", both, strict=True)}
        save_tensors(job.weights_path(seed), tensors)
        status, message = trainer.status(k)
        per_unit = kl_to_prior(*(v[k][..., None] for v in found["test"])).mean(0)
        metrics = {"kl_test": float(per_unit.sum()), "active_units": float((per_unit > 0.01).sum())}
        metrics |= {f"lambda_{i + 1}": float(v) for i, v in enumerate(model.multipliers.values[k].detach())}
        names = [name for name in ("loss", "mmd", "information", "kl") if name in trainer.history]
        series = {name: series_of(trainer.history[name], k, 5) for name in names}
        outcomes[seed] = Outcome(metrics if status == "ok" else {}, series, status, message)
    return outcomes, origin, machine.dtype


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
