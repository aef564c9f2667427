"""Runs InfoShape's Gaussian experiments: ReMINE on the raw data, and encoder training (Figures 3-5 to 4-9).

``python -m replications.infoshape.experiment results/quick/infoshape/encoder_a/thesis/config.json``
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common.results import Origin
from common.training.checkpoint import save_tensors
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.infoshape import method
from replications.infoshape.encoder import TrainedEncoder
from replications.infoshape.estimation import Estimation
from replications.infoshape.protocol import batches_of
from replications.infoshape.sample import origin
from replications.infoshape.settings import check

ROOT = Path(__file__).resolve().parents[2]


def estimate_raw(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Estimate I(X;X) and I(X;L) with ReMINE: Figures 3-5a and 3-5b."""
    p = job.config.params
    passes = {"mi_xx": p["privacy_passes"], "mi_xl": p["utility_passes"]}
    run = Estimation(job, seeds, sum(passes.values()) * batches_of(p) * len(seeds))
    if saved := run.fits.resume():
        run.take_up(saved[1])
    for name, count in passes.items():
        if f"{name}_chart" in run.metrics[0] or f"{name}_curve" in run.series[0]:
            continue  # finished before an interruption
        y, fresh_y = (run.sample.x, run.fresh.x) if name == "mi_xx" else (run.sample.labels, run.fresh.labels)
        fit = run.fit(name, run.sample.x, y, count)
        with torch.no_grad():
            drawn = run.draws(f"{name}/final")
            final = list(fit.bounds(run.sample.x, y, p["final_batches"], drawn, run.bound_of(fit)))
        run.note(name, fit, torch.stack(final).mean(0), (run.fresh.x, fresh_y))
        run.keep_curve(name, fit)
        run.fits.next_stage()
    run.fits.progress.close()
    return run.outcomes(), origin(job), run.machine.dtype


class Shaping(Estimation):
    """Trains the encoder: each epoch fits fresh statistics networks, then makes one step of eq. (4.1)."""

    def __init__(self, job: Job, seeds: list[int]) -> None:
        p = job.config.params
        super().__init__(job, seeds, _shaping_steps(p) * len(seeds))
        self.encoder = TrainedEncoder(seeds, p["encoder_lr"], self.machine.device)
        self.net, self.adam = self.encoder.net, self.encoder.adam
        self.states: dict[int, dict[str, Tensor]] = {}
        self.epoch = 0
        if saved := self.fits.resume():
            self._take_up_encoder(*saved)

    def own(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return encoder, moments and kept states beside the numbers."""
        tensors, notes = super().own()
        tensors |= self.encoder.tensors()
        for epoch, state in self.states.items():
            tensors |= {f"kept:{epoch}:{k}": v for k, v in state.items()}
        return tensors, notes | {"epoch": self.epoch}

    def _take_up_encoder(self, tensors: dict[str, Tensor], notes: dict[str, Any]) -> None:
        self.take_up(notes)
        self.epoch = notes["epoch"]
        self.encoder.load_tensors(tensors)
        for key, value in tensors.items():
            if key.startswith("kept:"):
                _, epoch, name = key.split(":", 2)
                self.states.setdefault(int(epoch), {})[name] = value

    def run(self) -> None:
        """Train for the encoder epochs that are left."""
        while self.epoch < self.p["encoder_epochs"]:
            self.keep_state()
            self.one_epoch()
            self.epoch += 1
            self.fits.next_stage()
            self.fits.checkpoint.offer(self.fits.state)
        self.keep_state()
        self.fits.progress.close()

    def keep_state(self) -> None:
        """Keep the encoder of the shown epochs and the last one."""
        if self.epoch in {*self.p["shown_epochs"], self.p["encoder_epochs"]}:
            self.states[self.epoch] = {k: v.detach().clone() for k, v in self.net.state_dict().items()}

    def one_epoch(self) -> None:
        """Fit both statistics networks to the present codes, note their estimates, step the encoder once."""
        p, e = self.p, self.epoch
        x, labels = self.sample.x, self.sample.labels
        with torch.no_grad():
            z, fresh_z = self.net(x).float(), self.net(self.fresh.x).float()
        privacy = self.fit(f"leakage_{e}", x, z, p["privacy_passes"])
        utility = self.fit(f"utility_{e}", z, labels, p["utility_passes"]) if p["utility_passes"] else None
        bounds = (self.bound_of(privacy), self.bound_of(utility or privacy))
        final = (self.draws(f"leakage_{e}/final"), self.draws(f"utility_{e}/final"))
        leakage, gained = method.encoder_gradient(
            self.net, x, labels, privacy, utility, self.weights(), p["final_batches"], final, bounds
        )
        self.adam.step()
        self.note(f"leakage_{e}", privacy, leakage, (self.fresh.x, fresh_z))
        if utility:
            self.note(f"utility_{e}", utility, gained, (fresh_z, self.fresh.labels))
        if e in p["shown_epochs"]:
            self.keep_curve(f"leakage_{e}", privacy)
            self.keep_codes(z)
            if utility:
                self.keep_curve(f"utility_{e}", utility)

    def weights(self) -> dict[str, Tensor | float]:
        """Return the multipliers and normalisers of eq. (4.1)."""
        p = self.p
        own = {"lambda_1": p["lambda_leakage"], "lambda_2": p["lambda_utility"]}
        if p["normalisers"] == "repository":
            return {**own, "h_x": 8.0, "h_l": 0.7}
        raw = next(cell for cell in self.job.config.needs if cell.startswith("raw/"))
        found = [self.job.needed(raw, s).metrics["mi_xx"] for s in self.seeds]
        return {**own, "h_x": torch.tensor(found, device=self.machine.device), "h_l": math.log(2)}

    def keep_codes(self, z: Tensor) -> None:
        """Keep the first two components of evenly spread codes for Figure 4-4 (rows are ordered by class)."""
        rows = torch.linspace(0, z.shape[1] - 1, self.p["shown_codes"]).long()
        for k in range(len(self.seeds)):
            for dim in (0, 1):
                values = z[k, rows, dim].tolist()
                self.series[k][f"codes_{self.epoch}_{dim}"] = [float(f"{v:.4g}") for v in values]
            self.series[k]["codes_label"] = self.sample.labels[k, rows, 0].tolist()


def shape_encoder(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Train the encoder of each seed and keep its states beside the records."""
    run = Shaping(job, seeds)
    run.run()
    for k, seed in enumerate(seeds):
        kept = {f"{epoch}:{name}": value[k] for epoch, state in run.states.items() for name, value in state.items()}
        save_tensors(job.weights_path(seed), kept, {"epochs": sorted(run.states)})
    return run.outcomes(), origin(job), run.machine.dtype


def _shaping_steps(p: dict[str, Any]) -> int:
    return p["encoder_epochs"] * (p["privacy_passes"] + p["utility_passes"]) * batches_of(p)


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run the experiment that the job names."""
    check(job.config.cell.experiment, job.config.params)
    return estimate_raw(job, seeds) if job.config.cell.experiment == "raw" else shape_encoder(job, seeds)


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
