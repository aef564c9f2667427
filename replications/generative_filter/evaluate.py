"""Step 3 on MNIST: fresh adversaries, mutual information and pictures for every mechanism of a case.

``python -m replications.generative_filter.evaluate results/quick/generative_filter/attack2/filter/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.models.stacked import StackedMLP
from common.results import Origin
from common.training.checkpoint import load_tensors
from common.training.machine import prepare
from common.training.progress import Progress
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.generative_filter import attack
from replications.generative_filter.codes import LABELS, Codes, digits_of, label, origin_of, read_codes
from replications.generative_filter.information import lnc_information, lnc_literal, mixed_information
from replications.generative_filter.method import classifier
from replications.generative_filter.reading import read
from replications.generative_filter.release import Released, draws, read_mechanisms
from replications.generative_filter.settings import check, check_told, check_trained
from replications.generative_filter.train_vae import pixels
from replications.generative_filter.vae import mnist_vae

ROOT = Path(__file__).resolve().parents[2]
ATTACKED = ("budgets", "strong_budgets", "boosted_budgets", "lnc_budgets")


class Evaluation:
    """Everything that is measured on one case's frozen mechanisms."""

    def __init__(self, job: Job, seeds: list[int]) -> None:
        self.job, self.seeds, self.p = job, seeds, job.config.params
        cell = job.config.cell
        self.role = (cell.paper, cell.experiment, cell.variant)
        check(cell.experiment, self.p)
        self.digits = digits_of(job)
        self.vae, self.filter = job.config.needs
        trained = job.needed(self.filter, seeds[0]).params
        check_told(cell.experiment, self.p, self.filter, trained)
        check_trained(cell.experiment, self.p, self.filter, trained["budgets"], "shown_budget", *ATTACKED)
        self.train, self.test = (read_codes(job, seeds, self.digits, split, self.vae) for split in ("train", "test"))
        self.metrics: list[dict[str, float]] = [{} for _ in seeds]
        self.series: list[dict[str, list[float | None]]] = [{} for _ in seeds]
        p = self.p
        names = ["private", "utility", *(["nontarget"] if p["nontarget"] else [])]
        work = len(names) * p["fresh"]["steps"] + 2 * p["strong"]["steps"]
        self.progress = Progress(f"generative_filter {cell.experiment}/{cell.variant}, seeds {seeds}", work)

    def released(self, codes: Codes, budgets: Sequence[float]) -> Released:
        """Return one split behind this case's mechanisms; a filter is told the true private label, at test too."""
        state = read_mechanisms(self.job, self.seeds, self.filter, budgets)
        private = label(self.p["private"], codes.digits).expand(len(self.seeds), -1)
        return Released(codes.mean, codes.deviation if self.p["sample_released"] else None, private, state)

    def read(
        self, name: str, net: torch.nn.Module, settings: Mapping[str, Any], budgets: Sequence[float]
    ) -> attack.Reading:
        """Fit a stack of fresh attackers on attribute ``name`` and judge them on unseen rows."""
        attribute, splits = self.p[name], {"train": self.train, "test": self.test}
        released = {split: self.released(codes, budgets) for split, codes in splits.items()}
        truth = {split: label(attribute, codes.digits) for split, codes in splits.items()}
        random = partial(draws, self.role, self.seeds, "attack", name)
        found = read(net, released, truth, LABELS[attribute][0], self.p, settings, random)
        self.progress.advance(settings["steps"])
        return found

    def note(self, prefix: str, reading: attack.Reading, name: str, budgets: Sequence[float]) -> None:
        """Keep accuracy, balanced accuracy and the bound H - CE per seed and budget."""
        entropy = attack.entropy(label(self.p[name], self.test.digits), LABELS[self.p[name]][0])
        for k in range(len(self.seeds)):
            for j, b in enumerate(budgets):
                m = k * len(budgets) + j
                self.metrics[k][f"{prefix}_b{b:g}"] = float(reading.accuracy[m])
                self.metrics[k][f"{prefix}_balanced_b{b:g}"] = float(reading.balanced[m])
                self.metrics[k][f"{prefix}_bound_b{b:g}"] = entropy - float(reading.cross_entropy[m])

    def fresh(self) -> None:
        """The paper's own classifier, fresh, on every attribute at every budget."""
        p, budgets = self.p, self.p["budgets"]
        for name in ("private", "utility", "nontarget"):
            if not p[name]:
                continue
            inits = [
                g
                for s in self.seeds
                for b in budgets
                for g in draws(self.role, [s], "attack", name, f"b={b:g}", "init")
            ]
            net = classifier(self.train.mean.shape[-1], LABELS[p[name]][0], inits, p["fresh"]["hidden"])
            reading = self.read(name, net, p["fresh"], budgets)
            self.note(name, reading, name, budgets)
            if name == "private":
                self.confusions(reading)

    def confusions(self, reading: attack.Reading) -> None:
        """Keep confusion matrices, and how they split: errors within the utility's groups, false rates."""
        classes, each = reading.confusion.shape[-1], len(self.p["budgets"])
        for k in range(len(self.seeds)):
            for j, b in enumerate(self.p["budgets"]):
                matrix = reading.confusion[k * each + j]
                self.series[k][f"confusion_b{b:g}"] = [round(float(v), 5) for v in matrix.flatten()]
                if classes == 2:
                    self.metrics[k][f"false_positive_b{b:g}"] = float(matrix[0, 1])
                    self.metrics[k][f"false_negative_b{b:g}"] = float(matrix[1, 0])
                else:
                    group = np.array(LABELS[self.p["utility"]][1])
                    wrong = matrix * (1 - np.eye(classes))
                    inside = wrong[group[:, None] == group[None]].sum() / max(wrong.sum(), 1e-12)
                    self.metrics[k][f"errors_within_b{b:g}"] = float(inside)

    def strong(self) -> None:
        """Attackers beyond the paper's: an MLP 256-256, and gradient boosting."""
        p, budgets = self.p, self.p["strong_budgets"]
        inits = [g for s in self.seeds for b in budgets for g in draws(self.role, [s], "strong", f"b={b:g}", "init")]
        for name in ("private", "utility"):
            count = LABELS[p[name]][0]
            net = StackedMLP([self.train.mean.shape[-1], *p["strong"]["hidden"], count], inits)
            prefix = "mlp" if name == "private" else "mlp_utility"
            self.note(prefix, self.read(name, net, p["strong"], budgets), name, budgets)
        self.boosted()

    def boosted(self) -> None:
        """Gradient boosting on one released draw."""
        p, budgets = self.p, self.p["boosted_budgets"]
        rows = min(p["boosted_rows"], len(self.train.digits))
        train = self.released(self.train, budgets).whole(draws(self.role, self.seeds, "boosted", "noise"))[:, :rows]
        test = self.released(self.test, budgets).whole(draws(self.role, self.seeds, "boosted", "unseen"))
        y, truth = (label(p["private"], codes.digits) for codes in (self.train, self.test))
        for k, seed in enumerate(self.seeds):
            for j, b in enumerate(budgets):
                m = k * len(budgets) + j
                found = attack.boosted(train[m], y[:rows], test[m], truth, p["boosted_rounds"], seed)
                self.metrics[k][f"boosted_b{b:g}"], self.metrics[k][f"boosted_balanced_b{b:g}"] = found[:2]

    def information(self) -> None:
        """Figure 9: nearest-neighbour estimates on equally many test rows at every budget."""
        p, budgets = self.p, self.p["budgets"]
        rows = min(p["mi_rows"], len(self.test.digits))
        codes = self.released(self.test, budgets).whole(draws(self.role, self.seeds, "information"))[:, :rows]
        y = label(p["private"], self.test.digits)[:rows].numpy()
        for k in range(len(self.seeds)):
            for j, b in enumerate(budgets):
                z = codes[k * len(budgets) + j].double().numpy()
                self.metrics[k][f"mi_b{b:g}"] = mixed_information(z, y, p["mi_neighbours"])
                if b in p["lnc_budgets"]:
                    self.metrics[k][f"mi_lnc_b{b:g}"] = lnc_information(z, y, p["mi_neighbours"])
                if b == max(p["lnc_budgets"], default=-1):
                    self.metrics[k]["mi_lnc_literal"] = lnc_literal(z, y, p["mi_neighbours"])

    def pictures(self) -> None:
        """Figures 1 and 6 for seed 0: digits as they are, decoded, and decoded from the released code."""
        if 0 not in self.seeds:
            return
        k, b = self.seeds.index(0), self.p["shown_budget"]
        rows = torch.cat([(self.test.digits == d).nonzero()[:2, 0] for d in range(10)])
        released = self.released(self.test, [b]).whole(draws(self.role, self.seeds, "pictures"))[k, rows]
        kept, _ = load_tensors(self.job.weights_path(0, self.vae))
        net = mnist_vae(draws(self.role, [0], "unused"), _hidden(kept), released.shape[-1]).decoder
        net.load_state_dict({n.removeprefix("decoder."): v[None] for n, v in kept.items() if n.startswith("decoder.")})
        with torch.no_grad():
            after, before = (net(z[None])[0].sigmoid() for z in (released, self.test.mean[k, rows]))
        raw = pixels(self.digits, "test", len(self.test.digits))[rows].float() / 255
        for name, values in (("raw", raw), ("decoded", before), ("released", after)):
            self.series[k][f"pictures_{name}"] = [round(float(v), 2) for v in values.flatten()]

    def distortions(self) -> None:
        """Carry over what the mechanisms spend, in every unit (the x axis of all curves), and what h read of them."""
        for k, seed in enumerate(self.seeds):
            found = self.job.needed(self.filter, seed).metrics
            self.metrics[k] |= {n: v for n, v in found.items() if n.startswith(("d_unit", "d_posterior", "kl_", "h_"))}
            self.metrics[k] |= {"d_unit_b0": 0.0, "d_posterior_b0": 0.0}


def _hidden(kept: Mapping[str, Tensor]) -> list[int]:
    sizes = [v.shape[-1] for n, v in sorted(kept.items()) if n.startswith("decoder.") and n.endswith("weight")]
    return sizes[:-1][::-1]


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Measure everything on the seeds' mechanisms as one stack."""
    machine = prepare("cpu", "fp32")  # networks of hundreds of weights: nothing here repays a GPU
    work = Evaluation(job, seeds)
    for part in (work.distortions, work.fresh, work.strong, work.information, work.pictures):
        part()
    work.progress.close()
    outcomes = {s: Outcome(work.metrics[k], work.series[k]) for k, s in enumerate(seeds)}
    return outcomes, origin_of(job, seeds, work.digits), machine.dtype


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
