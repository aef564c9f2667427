"""Figure 4: faces rebuilt from the frozen h, before and after unlearning, by a decoder trained for it alone.

``python -m replications.attribute_unlearning.reconstruction results/quick/…/reconstruction/before/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from common.models.initial import build
from common.results import Origin
from common.training.arrange import arrange
from common.training.batches import Batch, Batches
from common.training.history import series_of
from common.training.parts import Part
from common.training.routing import Route
from common.training.schedules import Cosine
from common.training.seeding import derive, generator
from common.training.trainer import Trainer
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.attribute_unlearning import area, method, networks
from replications.attribute_unlearning.cell import CellAtWork, named
from replications.attribute_unlearning.data import UNIT
from replications.attribute_unlearning.settings import check
from replications.attribute_unlearning.training import frozen, read, steps_of

ROOT = Path(__file__).resolve().parents[2]
SHOWN = 6


class Reconstruction(CellAtWork):
    """Rebuilds images from the network of one depth per seed."""

    def __init__(self, job: Job, seeds: list[int]) -> None:
        self.own = job.config.params
        check(job.config.cell.experiment, self.own)
        self.trained, self.namer = job.config.needs
        super().__init__(job, seeds, job.needed(self.trained, seeds[0]).params)
        self.turns = self.in_turn()
        self.progress = self.expect(steps_of(self.own, len(self.pictures.rows("train", 0))))

    def one_seed(self, seed: int) -> Outcome:
        """Train a decoder on the frozen h of one network and judge it on the test images."""
        extractor = self.network(self.weights(seed, self.trained), self.p["depths"][0], seed)["extractor"]
        parts = {s: self.pictures.part(self.pictures.rows(s, seed), self.machine.device) for s in ("train", "test")}
        _, channels, inside, _ = read(extractor, parts["test"]["x"][:1], self.machine).shape
        random = generator("attribute_unlearning", "reconstruction", seed)
        decoder = arrange(build(lambda: networks.Rebuilder(channels, inside, self.p["side"]), random), self.machine)

        def learn(batch: Batch) -> list[Route]:
            with frozen(extractor, self.machine):
                h = extractor(batch["x"])
            return [Route(method.reconstruction_error(decoder(h), batch["x"]), to=("decoder",), name="reconstruction")]

        def to_unit(batch: Batch, _: Sequence[torch.Generator]) -> Batch:
            return {**batch, "x": UNIT(batch["x"], torch.Generator())}

        rows = len(parts["train"]["y"])
        order = generator("attribute_unlearning", "reconstruction order", seed)
        trainer = self.turns.run(
            f"seed {seed}",
            Trainer(
                decoder,
                [Part("decoder", decoder, partial(torch.optim.Adam, lr=self.own["lr"]), Cosine())],
                learn,
                Batches(parts["train"], min(self.own["batch"], rows), order, transform=to_unit, drop_last=True),
                epochs=self.own["epochs"],
                machine=self.machine,
                progress=self.progress,
                seed=derive("attribute_unlearning", "reconstruction", seed),
            ),
        )
        curve = {"reconstruction": series_of(trainer.history["reconstruction"])}
        status, message = trainer.status()
        if status != "ok":
            return Outcome({}, curve, status, message)
        rebuilt = read(torch.nn.Sequential(extractor, decoder), parts["test"]["x"], self.machine).float().sigmoid()
        metrics, series = judged(parts["test"]["x"], rebuilt, self.key_areas(seed, parts["test"]))
        return Outcome(metrics, series | curve)

    def key_areas(self, seed: int, test: Batch) -> Tensor:
        """Return where baseline 2's classifier sees the attribute of each image (n, side, side)."""
        namer = area.attribute_net(self.p, seed, self.pictures.classes[1], self.machine)
        namer.load_state_dict(named(self.weights(seed, self.namer), "attribute/", self.machine.device))
        share = self.job.needed(self.namer, seed).params["share"]
        return area.key_area(area.maps(namer, test["x"], test["z"]), share)


def judged(x: Tensor, rebuilt: Tensor, gone: Tensor) -> tuple[dict[str, float], dict[str, list[float | None]]]:
    """Return the mean PSNR in dB, the error over its floor, and some pictures, of uint8 images and what was rebuilt.

    The PSNR is that of whole images, of their key areas ``gone (n, side, side)`` and of what is outside them; of the
    latter two over the images that have both.
    """
    truth = UNIT(x, torch.Generator())
    # R(x|h) is least at the pixels' own entropy
    floor = torch.nn.functional.binary_cross_entropy(truth, truth)
    error = torch.nn.functional.binary_cross_entropy(rebuilt, truth)
    metrics = {"psnr": float(psnr(rebuilt, truth).mean()), "error": float(error), "excess": float(error - floor)}
    share = gone.flatten(1).double().mean(1)
    both = (share > 0) & (share < 1)
    metrics["key_area"] = float(share.mean())
    if bool(both.any()):
        for name, where in {"inside": gone[both], "outside": ~gone[both]}.items():
            metrics[f"psnr_{name}"] = float(psnr(rebuilt[both], truth[both], where).mean())
    series: dict[str, list[float | None]] = {}
    for k in range(min(SHOWN, len(x))):
        series[f"image_{k}"] = x[k].flatten().tolist()
        series[f"rebuilt_{k}"] = (255 * rebuilt[k]).round().flatten().tolist()
    return metrics, series


def psnr(images: Tensor, truth: Tensor, where: Tensor | None = None) -> Tensor:
    """Return the peak signal-to-noise ratio in dB of each of ``images (n, c, h, w)`` in [0, 1]; infinite if equal.

    Over the pixels ``where (n, h, w)`` alone, if given: some of each image.
    """
    error = (images.double() - truth.double()).square().mean(1).flatten(1)
    part = torch.ones_like(error) if where is None else where.flatten(1).double()
    return -10 * ((error * part).sum(1) / part.sum(1)).log10()


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run every seed of the cell."""
    return Reconstruction(job, seeds).run()


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
