"""CelebA, step 1: trains the DenseNet VAE with the Lipschitz term, and leaves codes and a few pictures.

``python -m replications.generative_filter.train_faces results/quick/generative_filter/faces/paper/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.optim import Adam

from common.results import Origin
from common.training.arrange import arrange
from common.training.batches import Batch, Batches
from common.training.checkpoint import Checkpoint, save_tensors
from common.training.history import series_of
from common.training.in_turn import InTurn
from common.training.machine import prepare
from common.training.parts import Part
from common.training.progress import Progress
from common.training.routing import Route
from common.training.seeding import derive, generator
from common.training.trainer import Trainer
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.generative_filter.faces import load_faces, pictures, split_rows
from replications.generative_filter.faces_net import FaceVAE, face_loss, face_vae
from replications.generative_filter.settings import check, check_batch

ROOT = Path(__file__).resolve().parents[2]


def codes_of(net: FaceVAE, images: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return mean and log-variance (n, codes) of every image, in evaluation mode."""
    net.eval()
    with torch.no_grad():
        parts = [net.encoder(part.to(device).float() / 255) for part in images.split(256)]
    mean, log_variance = zip(*parts, strict=True)
    return torch.cat(mean).cpu(), torch.cat(log_variance).cpu()


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Train the seeds' VAEs one after another."""
    p, cell = job.config.params, job.config.cell
    check(cell.experiment, p)
    machine = prepare(job.config.device, job.config.precision)
    faces = load_faces(job, p["size"])
    rows = split_rows(faces)
    images = {split: pictures(faces, rows[split], p[f"{split}_rows"]) for split in ("train", "test")}
    check_batch(cell.experiment, p["batch"], len(images["train"]), "training rows")
    turn = InTurn(Checkpoint(job.checkpoint_path(seeds), job.config.checkpoint_seconds))
    batches = len(images["train"]) // p["batch"]
    progress = Progress(
        f"generative_filter {cell.experiment}/{cell.variant}, seeds {seeds}", len(seeds) * p["epochs"] * batches
    )
    outcomes = {}
    for seed in seeds:
        role = (cell.paper, cell.experiment, cell.variant, seed)
        sizes = {key: p[key] for key in ("layers", "growth", "codes", "size", "flatten", "width")}
        net = arrange(face_vae(generator(*role, "init"), **sizes), machine)

        def with_noise(batch: Batch, noise: Sequence[torch.Generator]) -> Batch:
            n, (g,) = len(batch["x"]), noise
            drawn = {"noise": torch.randn(n, p["codes"], generator=g), "prior": torch.randn(n, p["codes"], generator=g)}
            drawn["alpha"] = torch.rand(n, 1, generator=g)
            return {"x": batch["x"].float() / 255} | {k: v.to(batch["x"].device) for k, v in drawn.items()}

        def step(batch: Batch, net: FaceVAE = net) -> list[Route]:
            weights = (p["gamma"], p["kappa"], p["lipschitz"])
            drawn = (batch["noise"], batch["prior"], batch["alpha"])
            terms = face_loss(net, batch["x"], *drawn, weights, apart=p["rows_apart"])
            names = ("error", "kl", "steepness")
            return [Route(term, to=("vae",), name=name) for term, name in zip(terms, names, strict=True)]

        source = Batches(
            {"x": images["train"].to(machine.device)},
            p["batch"],
            generator(*role, "order"),
            transform=with_noise,
            noise=generator(*role, "noise"),
            drop_last=True,
        )
        part = Part("vae", net, partial(Adam, lr=p["lr"]))
        seeded = derive(*role, "torch")
        trainer = Trainer(
            net, [part], step, source, epochs=p["epochs"], machine=machine, progress=progress, seed=seeded
        )
        turn.run(f"seed{seed}", trainer)
        found = {split: codes_of(net, images[split], machine.device) for split in images}
        kept = {f"{name}_{split}": v for split, both in found.items() for name, v in zip("ms", both, strict=True)}
        kept |= {f"decoder.{name}": v for name, v in net.decoder.state_dict().items()}
        save_tensors(job.weights_path(seed), kept)
        status, message = trainer.status()
        metrics = judge(net, found["test"][0], images["test"], machine.device) if status == "ok" else {}
        series = {name: series_of(trainer.history[name], 0, 5) for name in ("error", "kl", "steepness")}
        outcomes[seed] = Outcome(metrics, series, status, message)
    origin = faces.origin.using(sum(map(len, images.values())), sum(map(len, rows.values())))
    return outcomes, origin, machine.dtype


def judge(net: FaceVAE, mean: Tensor, images: Tensor, device: torch.device) -> dict[str, float]:
    """Return how far the decoded test images are, as l2 norms and as mean absolute error."""
    with torch.no_grad():
        decoded = torch.cat([net.decoder(part.to(device)).cpu() for part in mean.split(256)])
    apart = (decoded - images.float() / 255).flatten(1)
    return {"error_test": float(apart.norm(dim=1).mean()), "mae_test": float(apart.abs().mean())}


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
