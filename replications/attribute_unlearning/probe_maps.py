"""Where in h the attribute can be read: Grad-CAM of a fresh linear probe, before, after unlearning and for baseline 2.

Figure 3 shows maps of a network that was trained for the attribute. This asks the same of the frozen task networks: a
linear probe on the mean of h over its places is fitted to the attribute, and its map says which places spoke for the
image's own class. A map is scaled to its own largest value and so says nothing of how much can be read; the probe's
accuracy on equal classes stands beside it, and the share of the map inside the area that baseline 2 removes.
``python -m replications.attribute_unlearning.probe_maps results/quick/…/attention/celeba/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from common.evaluation.gradcam import gradcam
from common.results import Origin
from common.training.batches import Batch
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.attribute_unlearning import area
from replications.attribute_unlearning.cell import CellAtWork, named
from replications.attribute_unlearning.data import UNIT
from replications.attribute_unlearning.settings import check
from replications.attribute_unlearning.training import READ_BATCH, frozen

ROOT = Path(__file__).resolve().parents[2]
SHOWN = 6


def averages(extractor: nn.Module, x: Tensor, machine: Any) -> Tensor:
    """Return the mean of h over its places (n, channels), fp32, of uint8 images."""
    nothing = torch.Generator()
    with frozen(extractor, machine):
        return torch.cat([extractor(UNIT(part, nothing)).float().mean((2, 3)) for part in x.split(READ_BATCH)])


def fit_probe(features: Tensor, labels: Tensor, classes: int) -> nn.Linear:
    """Return logistic regression on ``features (n, d)`` as a layer on the features as they are.

    Fitted on standardised features; the scaling is folded into the layer.
    """
    x, z = features.double().cpu().numpy(), labels.cpu().numpy()
    mean, spread = x.mean(0), x.std(0) + 1e-8
    fitted = LogisticRegression(max_iter=2000).fit((x - mean) / spread, z)
    weight, bias = fitted.coef_, fitted.intercept_
    if len(weight) == 1:  # of two classes only the second one's score is kept; give each its half
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    layer = nn.Linear(x.shape[1], classes)
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(weight / spread))
        layer.bias.copy_(torch.as_tensor(bias - (weight / spread) @ mean))
    return layer.to(features.device)


def probe_maps(extractor: nn.Module, probe: nn.Linear, x: Tensor, z: Tensor) -> Tensor:
    """Return the maps (n, side, side) in [0, 1] of the probe's score for ``z``, at h."""
    whole = nn.Sequential(extractor, nn.AdaptiveAvgPool2d(1), nn.Flatten(), probe)
    nothing = torch.Generator()
    pairs = zip(x.split(READ_BATCH), z.split(READ_BATCH), strict=True)
    return torch.cat([gradcam(whole, extractor, UNIT(part, nothing), own) for part, own in pairs])


def inside(maps: Tensor, gone: Tensor) -> float:
    """Return what share of ``maps (n, h, w)`` lies where ``gone`` is true; the mean over images that have a map."""
    total = maps.flatten(1).sum(1)
    some = total > 0
    return float(((maps * gone).flatten(1).sum(1)[some] / total[some]).mean()) if bool(some.any()) else 0.0


class Attention(CellAtWork):
    """Looks where a probe of each of the three networks looks, per seed."""

    def __init__(self, job: Job, seeds: list[int]) -> None:
        self.own = job.config.params
        check(job.config.cell.experiment, self.own)
        self.cells = {cell.split("/")[1]: cell for cell in job.config.needs}
        super().__init__(job, seeds, job.needed(self.cells["area"], seeds[0]).params)
        self.progress = self.expect(len(self.cells))

    def part(self, rows: np.ndarray) -> Batch:
        """Return some rows on the device."""
        return self.pictures.part(rows, self.machine.device)

    def one_seed(self, seed: int) -> Outcome:
        """Fit a probe on each network and look where it looks."""
        weights = {name: self.weights(seed, cell) for name, cell in self.cells.items()}
        classes = self.pictures.classes
        namer = area.attribute_net(self.p, seed, classes[1], self.machine)
        namer.load_state_dict(named(weights["area"], "attribute/", self.machine.device))
        most = self.own["probe_images"]
        parts = {split: self.part(self.pictures.balanced(split, seed, most)) for split in ("train", "test")}
        shown = self.part(self.pictures.rows("test", seed)[:SHOWN])
        share, colour = self.p["share"], weights["area"]["colour"]
        gone = area.key_area(area.maps(namer, parts["test"]["x"], parts["test"]["z"]), share)
        metrics = {"removed": float(gone.float().mean())}
        series: dict[str, list[float | None]] = {}
        for name in self.cells:
            extractor = self.network(weights[name], 18, seed)["extractor"]
            seen = {"train": parts["train"], "test": parts["test"], "shown": shown}
            if name == "area":
                seen = {k: area.without_area(namer, part, share, colour) for k, part in seen.items()}
            probe = fit_probe(averages(extractor, seen["train"]["x"], self.machine), seen["train"]["z"], classes[1])
            with torch.no_grad():
                right = probe(averages(extractor, seen["test"]["x"], self.machine)).argmax(1) == seen["test"]["z"]
            metrics[f"probe_{name}"] = float(right.double().mean())
            maps = probe_maps(extractor, probe, seen["test"]["x"], seen["test"]["z"])
            metrics[f"inside_{name}"] = inside(maps, gone)
            for k, cam in enumerate(probe_maps(extractor, probe, seen["shown"]["x"], seen["shown"]["z"])):
                series[f"image_{name}_{k}"] = seen["shown"]["x"][k].flatten().tolist()
                series[f"cam_{name}_{k}"] = [round(v, 3) for v in cam.flatten().tolist()]
            self.progress.advance(1)
        return Outcome({**metrics, "chance": 1 / classes[1]}, series)


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run every seed of the cell."""
    return Attention(job, seeds).run()


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
