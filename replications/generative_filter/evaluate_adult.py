"""Adult, step 3: what fresh classifiers read from each method's released codes: table 2.

``python -m replications.generative_filter.evaluate_adult results/quick/generative_filter/adult_attack/vae/config.json``
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import Tensor

from common.models.stacked import StackedMLP
from common.results import Origin
from common.training.machine import prepare
from common.training.progress import Progress
from common.workflow.config import ConfigError
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.generative_filter import attack
from replications.generative_filter.adult import Bits, read_bits
from replications.generative_filter.codes import read_moments
from replications.generative_filter.method import classifier
from replications.generative_filter.reading import read
from replications.generative_filter.release import Released, draws, identity, read_mechanisms
from replications.generative_filter.settings import check, check_trained

ROOT = Path(__file__).resolve().parents[2]


class Evaluation:
    """One method's codes at every budget (a baseline has one, the identity) under every attacker."""

    def __init__(self, job: Job, seeds: list[int]) -> None:
        self.job, self.seeds, self.p = job, seeds, job.config.params
        cell = job.config.cell
        self.role = (cell.paper, cell.experiment, cell.variant)
        check(cell.experiment, self.p)
        self.check_budgets(cell.experiment)
        self.bits, self.origin = read_bits(job)
        self.budgets = self.p["budgets"] or [0]
        self.metrics: list[dict[str, float]] = [{} for _ in seeds]
        work = 2 * (self.p["fresh"]["steps"] + self.p["strong"]["steps"])
        self.progress = Progress(f"generative_filter {cell.experiment}/{cell.variant}, seeds {seeds}", work)

    def check_budgets(self, experiment: str) -> None:
        """Hold the budgets to what is released: a baseline's codes have none, the filter's those it was trained at."""
        needs, budgets = self.job.config.needs, self.p["budgets"]
        if (len(needs) > 1) != bool(budgets):
            valid = "a list of one or more" if len(needs) > 1 else "[] (no filter is read)"
            raise ConfigError(f"{experiment}: budgets: {budgets!r}; valid: {valid}")
        for filters in needs[1:]:
            trained = self.job.needed(filters, self.seeds[0]).params["budgets"]
            check_trained(experiment, self.p, filters, trained, "budgets")

    def released(self, split: str) -> Released:
        """Return one split's codes as the method releases them."""
        mean, deviation = read_moments(self.job, self.seeds, split, self.job.config.needs[0])
        private = self.bits[split].private.expand(len(self.seeds), -1)
        if self.p["budgets"]:
            state = read_mechanisms(self.job, self.seeds, self.job.config.needs[1], self.budgets)
        else:
            state = identity(len(self.seeds))
        return Released(mean, deviation if self.p["sample_released"] else None, private, state)

    def labels(self, split: str, name: str) -> Tensor:
        """Return gender or income of one split."""
        bits: Bits = self.bits[split]
        return bits.private if name == "private" else bits.utility

    def note(self, prefix: str, member: int, values: dict[str, float]) -> None:
        """Keep one attacker's numbers of one seed and budget; a baseline's carry no budget."""
        k, j = divmod(member, len(self.budgets))
        end = f"_b{self.budgets[j]:g}" if self.p["budgets"] else ""
        self.metrics[k] |= {f"{prefix}_{name}{end}": value for name, value in values.items()}

    def networks(self) -> None:
        """The paper's FC15 and an MLP, fresh, fitted on codes whose noise is drawn anew in every batch."""
        released = {split: self.released(split) for split in ("train", "test")}
        width = released["train"].codes.shape[-1]
        for kind, settings in (("fresh", self.p["fresh"]), ("strong", self.p["strong"])):
            for name in ("private", "utility"):
                inits = [
                    g for s in self.seeds for b in self.budgets for g in draws(self.role, [s], kind, name, f"{b:g}")
                ]
                net = (
                    classifier(width, 2, inits, settings["hidden"])
                    if kind == "fresh"
                    else StackedMLP([width, *settings["hidden"], 2], inits)
                )
                truth = {split: self.labels(split, name) for split in released}
                random = partial(draws, self.role, self.seeds, kind, name)
                found = read(net, released, truth, 2, self.p, settings, random)
                self.progress.advance(settings["steps"])
                wanted = truth["test"]
                entropy = attack.entropy(wanted, 2)
                for m in range(released["test"].members):
                    values = {
                        "acc": float(found.accuracy[m]),
                        "auroc": float(found.balanced[m]),  # the area under hard labels is balanced accuracy
                        "score_auroc": float(roc_auc_score(wanted.numpy(), found.scores[m])),
                        "bound": entropy - float(found.cross_entropy[m]),
                    }
                    self.note(name if kind == "fresh" else f"mlp_{name}", m, values)

    def classical(self) -> None:
        """Logistic regression as in lag-fairness, and gradient boosting, on one released draw."""
        train = self.released("train").whole(draws(self.role, self.seeds, "classical", "noise"))
        test = self.released("test").whole(draws(self.role, self.seeds, "classical", "unseen"))
        for m in range(len(train)):
            for name in ("private", "utility"):
                y, truth = self.labels("train", name), self.labels("test", name)
                self.note(f"logistic_{name}", m, logistic(train[m].numpy(), y.numpy(), test[m].numpy(), truth.numpy()))
                keep = slice(None, self.p["boosted_rows"])
                found = attack.boosted(train[m][keep], y[keep], test[m], truth, self.p["boosted_rounds"], m)
                self.note(f"boosted_{name}", m, {"acc": found[0], "auroc": found[2], "score_auroc": found[3]})


def logistic(x: NDArray, y: NDArray, unseen: NDArray, truth: NDArray) -> dict[str, float]:
    """Return accuracy, hard and score AUROC of logistic regression on standardised codes."""
    mean, sd = x.mean(0), x.std(0) + 1e-12
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(max_iter=200).fit((x - mean) / sd, y)
    scores = model.decision_function((unseen - mean) / sd)
    guess = (scores > 0).astype(np.int64)
    return {
        "acc": float((guess == truth).mean()),
        "auroc": float(roc_auc_score(truth, guess)),
        "score_auroc": float(roc_auc_score(truth, scores)),
    }


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Attack every seed's codes as one stack."""
    machine = prepare("cpu", "fp32")
    work = Evaluation(job, seeds)
    work.networks()
    work.classical()
    work.progress.close()
    return {s: Outcome(work.metrics[k]) for k, s in enumerate(seeds)}, work.origin, machine.dtype


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
