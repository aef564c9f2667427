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

from common.estimators.critic_fit import CriticFit, last_value
from common.losses.variational import donsker_varadhan
from common.results import Origin
from common.training.checkpoint import Checkpoint, save_tensors
from common.training.machine import Machine, prepare
from common.training.progress import Progress
from common.training.resume import ResumableFits
from common.training.seeding import generator
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.infoshape import method
from replications.infoshape.sample import Sample, draw, origin

ROOT = Path(__file__).resolve().parents[2]


class Estimation:
    """What the experiments share: data of each seed, fresh statistics networks, and the numbers found so far."""

    def __init__(self, job: Job, seeds: list[int], total: float) -> None:
        self.job, self.seeds, self.p = job, seeds, job.config.params
        self.machine: Machine = prepare(job.config.device, job.config.precision)
        device = self.machine.device
        share = self.p["train_share"]
        self.sample: Sample = draw(seeds, self.p["n_per_class"], "data").head(share).to(device)
        self.fresh: Sample = draw(seeds, self.p["heldout"] // 2, "heldout").to(device)
        self.metrics: list[dict[str, float]] = [{} for _ in seeds]
        self.series: list[dict[str, list[float | None]]] = [{} for _ in seeds]
        self.stopped: dict[int, str] = {}
        cell = job.config.cell
        label = f"{cell.paper} {cell.experiment}/{cell.variant}, seeds {seeds}"
        checkpoint = Checkpoint(job.checkpoint_path(seeds), job.config.checkpoint_seconds)
        self.fits = ResumableFits(checkpoint, self.own, Progress(label, total))

    def own(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return what has been found so far, for a checkpoint."""
        return {}, {"metrics": self.metrics, "series": self.series, "stopped": self.stopped}

    def take_up(self, notes: dict[str, Any]) -> None:
        """Go on from what an interrupted run had found."""
        self.metrics, self.series = notes["metrics"], notes["series"]
        self.stopped = {int(k): v for k, v in notes["stopped"].items()}

    def draws(self, role: str) -> list[torch.Generator]:
        """Return one generator per seed for ``role`` within this cell."""
        cell = self.job.config.cell
        device = self.machine.device
        return [generator(cell.paper, cell.experiment, cell.variant, s, role, device=device) for s in self.seeds]

    def fit(self, name: str, x: Tensor, y: Tensor, passes: int) -> CriticFit:
        """Train a fresh statistics network for I(x; y) with ReMINE."""
        cpu = [generator(*self._role(s, f"{name}/init")) for s in self.seeds]
        critic = method.statistics_network(x.shape[-1], y.shape[-1], cpu).to(self.machine.device)
        fit = CriticFit(
            x,
            y,
            critic,
            method.ReMINE(ema=self.p["ema"]),
            batch=self.p["batch"],
            lr=self.p["critic_lr"],
            generators=self.draws(f"{name}/batches"),
            derange=self.p["derange"],
            update_every=self.p["update_every"],
            autocast=self.machine.autocast,
        )
        return self.fits.train(name, fit, passes)

    def _role(self, seed: int, role: str) -> tuple[str | int, ...]:
        cell = self.job.config.cell
        return cell.paper, cell.experiment, cell.variant, seed, role

    def note(self, name: str, fit: CriticFit, value: Tensor, fresh: tuple[Tensor, Tensor]) -> None:
        """Keep one estimate: its value, the chart's last points, the penalised value, the value on fresh data."""
        points = self.p["chart_points"]
        with torch.no_grad():
            batches = fresh[0].shape[1] // self.p["batch"]
            heldout = torch.stack(
                list(fit.bounds(*fresh, batches=batches, generators=self.draws(f"{name}/heldout")))
            ).mean(0)
        found = {
            name: value,
            f"{name}_chart": last_value(fit.values, points),
            f"{name}_objective": last_value(fit.objectives, points),
            f"{name}_heldout": heldout,
        }
        for k, seed in enumerate(self.seeds):
            numbers = {key: float(values[k]) for key, values in found.items()}
            self.metrics[k] |= {key: v for key, v in numbers.items() if math.isfinite(v)}
            step = int(fit.diverged_at[k])
            if step >= 0 or not all(map(math.isfinite, numbers.values())):
                where = f"step {step}" if step >= 0 else "the final estimate"
                self.stopped.setdefault(seed, f"{name}: the bound is not finite from {where} on")

    def keep_curve(self, name: str, fit: CriticFit) -> None:
        """Keep one chart: the bound after each pass over the data."""
        for k, curve in enumerate(fit.values):
            self.series[k][f"{name}_curve"] = [float(f"{v:.5g}") for v in curve.tolist()]

    def outcomes(self) -> dict[int, Outcome]:
        """Return one outcome per seed; a seed that diverged keeps the finite numbers it had."""
        found = {}
        for k, seed in enumerate(self.seeds):
            status = "diverged" if seed in self.stopped else "ok"
            found[seed] = Outcome(self.metrics[k], self.series[k], status, self.stopped.get(seed, ""))
        return found


def estimate_raw(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Estimate I(X;X) and I(X;L) with ReMINE: Figures 3-5a and 3-5b."""
    p = job.config.params
    passes = {"mi_xx": p["privacy_passes"], "mi_xl": p["utility_passes"]}
    run = Estimation(job, seeds, sum(passes.values()) * _batches(p) * len(seeds))
    if saved := run.fits.resume():
        run.take_up(saved[1])
    for name, count in passes.items():
        if f"{name}_chart" in run.metrics[0] or f"{name}_curve" in run.series[0]:
            continue  # finished before an interruption
        y, fresh_y = (run.sample.x, run.fresh.x) if name == "mi_xx" else (run.sample.labels, run.fresh.labels)
        fit = run.fit(name, run.sample.x, y, count)
        with torch.no_grad():
            final = list(fit.bounds(run.sample.x, y, p["final_batches"], run.draws(f"{name}/final")))
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
        # The same untrained encoder for every experiment and variant of a seed: they differ in training alone.
        self.net = method.encoder([generator("infoshape", "encoder", s) for s in seeds]).to(self.machine.device)
        self.adam = torch.optim.Adam(self.net.parameters(), lr=p["encoder_lr"])
        self.states: dict[int, dict[str, Tensor]] = {}
        self.epoch = 0
        if saved := self.fits.resume():
            self._take_up_encoder(*saved)

    def own(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return encoder, moments and kept states beside the numbers."""
        tensors, notes = super().own()
        tensors |= {f"net:{k}": v for k, v in self.net.state_dict().items()}
        for index, moments in self.adam.state_dict()["state"].items():
            tensors |= {f"adam:{index}:{k}": v for k, v in moments.items()}
        for epoch, state in self.states.items():
            tensors |= {f"kept:{epoch}:{k}": v for k, v in state.items()}
        return tensors, notes | {"epoch": self.epoch}

    def _take_up_encoder(self, tensors: dict[str, Tensor], notes: dict[str, Any]) -> None:
        self.take_up(notes)
        self.epoch = notes["epoch"]
        parts: dict[str, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            prefix, _, name = key.rpartition(":")
            parts.setdefault(prefix, {})[name] = value
        self.net.load_state_dict(parts["net"])
        moments = {int(k.split(":")[1]): v for k, v in parts.items() if k.startswith("adam:")}
        frame = self.adam.state_dict()
        self.adam.load_state_dict({"state": moments, "param_groups": frame["param_groups"]})
        self.states = {int(k.split(":")[1]): v for k, v in parts.items() if k.startswith("kept:")}

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
        bound = privacy.objective if p["objective_gradient"] else donsker_varadhan
        final = (self.draws(f"leakage_{e}/final"), self.draws(f"utility_{e}/final"))
        leakage, gained = method.encoder_gradient(
            self.net, x, labels, privacy, utility, self.weights(), p["final_batches"], final, bound
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
        found = [self.job.needed("raw/thesis", s).metrics["mi_xx"] for s in self.seeds]
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


def _batches(p: dict[str, Any]) -> int:
    return int(2 * p["n_per_class"] * p["train_share"]) // p["batch"]


def _shaping_steps(p: dict[str, Any]) -> int:
    return p["encoder_epochs"] * (p["privacy_passes"] + p["utility_passes"]) * _batches(p)


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run the experiment that the job names."""
    return estimate_raw(job, seeds) if job.config.cell.experiment == "raw" else shape_encoder(job, seeds)


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
