"""ReMINE estimates of a cell, all seeds as one stack: data, fresh statistics networks, and the numbers found so far."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from common.estimators.critic_fit import CriticFit, Objective, last_value
from common.losses.variational import donsker_varadhan
from common.training.checkpoint import Checkpoint
from common.training.machine import Machine, prepare
from common.training.progress import Progress
from common.training.resume import ResumableFits
from common.training.seeding import generator
from common.workflow.job import Job, Outcome
from replications.infoshape import method
from replications.infoshape.protocol import heldout_batches
from replications.infoshape.sample import Sample, draw


class Estimation:
    """What the experiments share: data of each seed, fresh statistics networks, and the numbers found so far."""

    def __init__(self, job: Job, seeds: list[int], total: float) -> None:
        self.job, self.seeds, self.p = job, seeds, job.config.params
        self.machine: Machine = prepare(job.config.device, job.config.precision)
        device = self.machine.device
        self.fresh_batches = heldout_batches(self.p)
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
            gather=self.p["gather"],
            autocast=self.machine.autocast,
        )
        return self.fits.train(name, fit, passes)

    def _role(self, seed: int, role: str) -> tuple[str | int, ...]:
        cell = self.job.config.cell
        return cell.paper, cell.experiment, cell.variant, seed, role

    def note(self, name: str, fit: CriticFit, value: Tensor, fresh: tuple[Tensor, Tensor]) -> None:
        """Keep one estimate: its value, the chart's last points, the same without and with penalty, and on fresh rows.

        The value on fresh rows is the bound without its penalty in every reading.
        """
        points = self.p["chart_points"]
        with torch.no_grad():
            drawn = self.draws(f"{name}/heldout")
            heldout = torch.stack(list(fit.bounds(*fresh, batches=self.fresh_batches, generators=drawn))).mean(0)
        found = {
            name: value,
            f"{name}_chart": last_value(self.reported(fit), points),
            f"{name}_bound": last_value(fit.values, points),
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

    def reported(self, fit: CriticFit) -> Tensor:
        """Return the chart that the reading reports, ``(members, passes)``: the bound or, penalised, the objective."""
        return fit.objectives if self.p["penalised"] else fit.values

    def bound_of(self, fit: CriticFit) -> Objective:
        """Return what the reading values frozen critics by, and the encoder descends (D3, D15)."""
        return fit.objective if self.p["penalised"] else donsker_varadhan

    def keep_curve(self, name: str, fit: CriticFit) -> None:
        """Keep one chart: what the reading reports of each pass over the data."""
        for k, curve in enumerate(self.reported(fit)):
            self.series[k][f"{name}_curve"] = [float(f"{v:.5g}") for v in curve.tolist()]

    def outcomes(self) -> dict[int, Outcome]:
        """Return one outcome per seed; a seed that diverged keeps the finite numbers it had."""
        found = {}
        for k, seed in enumerate(self.seeds):
            status = "diverged" if seed in self.stopped else "ok"
            found[seed] = Outcome(self.metrics[k], self.series[k], status, self.stopped.get(seed, ""))
        return found
