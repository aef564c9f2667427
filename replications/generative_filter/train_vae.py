"""Step 1 on MNIST: trains the VAE once and leaves codes and decoder for every later job.

``python -m replications.generative_filter.train_vae results/quick/generative_filter/vae/paper/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.optim import Adam

from common.data import ImageSet
from common.models.stacked import member_state
from common.results import Origin
from common.training.batches import Batch, Batches
from common.training.checkpoint import Checkpoint, save_tensors
from common.training.history import series_of
from common.training.machine import prepare
from common.training.parts import Part
from common.training.progress import Progress
from common.training.routing import Route
from common.training.seeding import derive, generator
from common.training.trainer import Trainer
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.generative_filter.codes import digits_of
from replications.generative_filter.settings import check, check_batch
from replications.generative_filter.vae import VAE, kl_to_prior, mnist_vae, negative_elbo, reconstruction_loss

ROOT = Path(__file__).resolve().parents[2]


def pixels(digits: ImageSet, split: str, rows: int | None = None) -> Tensor:
    """Return the images of one split as uint8 vectors (n, 784); ``rows`` keeps the first."""
    images = digits.part(split).images[:rows]
    return torch.from_numpy(images.copy()).flatten(1)


def codes_of(net: VAE, images: Tensor, device: torch.device, rows: int = 1000) -> tuple[Tensor, Tensor]:
    """Return mean and log-variance (members, n, d) of every image."""
    members = net.encoder.layers[0].weight.shape[0]
    parts = []
    with torch.no_grad():
        for chunk in images.split(rows):
            x = (chunk.to(device).float() / 255).expand(members, -1, -1)
            parts.append([v.cpu() for v in net.encode(x)])
    means, log_variances = zip(*parts, strict=True)
    return torch.cat(means, 1), torch.cat(log_variances, 1)


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Train the seeds' VAEs as one stack; keep codes of both splits and the decoder."""
    p = job.config.params
    check(job.config.cell.experiment, p)
    machine = prepare(job.config.device, job.config.precision)
    digits = digits_of(job)
    train, test = pixels(digits, "train", p["rows"] or None), pixels(digits, "test", p["test_rows"] or None)
    check_batch(job.config.cell.experiment, p["batch"], len(train), "training rows")
    role = ("generative_filter", "vae")
    net = mnist_vae([generator(*role, s, "init") for s in seeds], p["hidden"], p["codes"]).to(machine.device)

    def prepare_batch(batch: Batch, noise: Sequence[torch.Generator]) -> Batch:
        x = batch["x"].float() / 255  # grey levels as probabilities of white
        drawn = torch.stack([torch.randn(x.shape[1], p["codes"], generator=g) for g in noise])
        return {"x": x, "noise": drawn.to(x.device)}

    def step(batch: Batch) -> list[Route]:
        logits, mean, log_variance = net(batch["x"], batch["noise"])
        return [Route(negative_elbo(logits, batch["x"], mean, log_variance), to=("vae",), name="loss")]

    source = Batches(
        {"x": train.to(machine.device)},
        p["batch"],
        [generator(*role, s, "order") for s in seeds],
        transform=prepare_batch,
        noise=[generator(*role, s, "noise") for s in seeds],
        drop_last=True,
    )
    trainer = Trainer(
        net,
        [Part("vae", net, partial(Adam, lr=p["lr"], fused=True))],
        step,
        source,
        epochs=p["epochs"],
        machine=machine,
        members=len(seeds),
        progress=Progress(f"generative_filter vae, seeds {seeds}", p["epochs"] * len(source)),
        seed=derive(*role, "torch"),
    )
    trainer.run(Checkpoint(job.checkpoint_path(seeds), job.config.checkpoint_seconds))
    found = {"train": codes_of(net, train, machine.device), "test": codes_of(net, test, machine.device)}
    outcomes = {}
    for k, seed in enumerate(seeds):
        kept = {f"{name}_{split}": v[k] for split, both in found.items() for name, v in zip("ms", both, strict=True)}
        kept |= {f"decoder.{name}": v for name, v in member_state(net.decoder, k).items()}
        save_tensors(job.weights_path(seed), kept)
        status, message = trainer.status(k)
        metrics = judge(net, k, test, machine.device) if status == "ok" else {}
        outcomes[seed] = Outcome(metrics, {"loss": series_of(trainer.history["loss"], k)}, status, message)
    whole = sum(len(digits.splits[split]) for split in ("train", "test"))
    return outcomes, digits.origin.using(len(train) + len(test), whole), machine.dtype


def judge(net: VAE, member: int, images: Tensor, device: torch.device) -> dict[str, float]:
    """Return what the test images cost in nats (decoded from the mean) and how wide the posterior is."""
    with torch.no_grad():
        mean, log_variance = (v[member] for v in codes_of(net, images, device))
        members = net.encoder.layers[0].weight.shape[0]
        error = [
            reconstruction_loss(net.decoder(z.to(device).expand(members, -1, -1))[member].cpu(), x.float() / 255)
            for z, x in zip(mean.split(1000), images.split(1000), strict=True)
        ]
    per_unit = kl_to_prior(mean[..., None], log_variance[..., None]).mean(0)
    found = {
        "reconstruction_test": float(torch.cat(error).mean()),
        "kl_test": float(per_unit.sum()),
        "active_units": float((per_unit > 0.01).sum()),
    }
    for share in (0.05, 0.5, 0.95):  # where the posterior-weighted budget gets its factor of 55 to 90 from (D3)
        found[f"posterior_sd_q{share:g}"] = float((0.5 * log_variance).exp().flatten().quantile(share))
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
