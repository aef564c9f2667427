"""Figure 6: AUM over a grid of lambda2 and lambda3 at one lambda1, each cell a training and the paper's attack.

``python -m replications.attribute_unlearning.lambdas results/quick/…/lambdas/l5/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import torch

from common.results import Origin
from common.training.checkpoint import Checkpoint
from common.training.in_turn import InTurn
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.attribute_unlearning import attacker, method, networks
from replications.attribute_unlearning.cell import CellAtWork
from replications.attribute_unlearning.settings import check_grid
from replications.attribute_unlearning.training import guesses, steps_of, train

ROOT = Path(__file__).resolve().parents[2]


class Grid(CellAtWork):
    """Trains and attacks every pair of lambdas per seed, under one checkpoint."""

    def __init__(self, job: Job, seeds: list[int]) -> None:
        check_grid(job.config.cell.experiment, job.config.params)
        super().__init__(job, seeds, job.config.params)
        # of a pair that is done its numbers are kept, of the one under way its networks
        self.checkpoint = Checkpoint(job.checkpoint_path(seeds))
        kept = self.checkpoint.resume()
        self.done: dict[str, tuple[dict[str, float], str]] = dict(kept[1]["done"]) if kept else {}
        self.attack = {"batch": self.p["batch"], "epochs": self.p["attack_epochs"], "lr": self.p["attack_lr"]}
        self.attack |= {name: self.p[name] for name in ("least_steps", "cache_mb")}
        own = steps_of(self.p, len(self.pictures.rows("train", 0)))
        own += attacker.steps_of(self.attack, len(self.pictures.balanced("train", 0, self.p["attack_images"])))
        self.progress = self.expect(len(self.p["grid2"]) * len(self.p["grid3"]) * own)
        self.progress.resume_at(len(self.done) * own)

    def pair(self, seed: int, l2: float, l3: float) -> tuple[dict[str, float], str]:
        """Return what one pair of lambdas gives, from an interrupted run's notes where they have it."""
        name = f"{seed}-{l2}-{l3}"
        if name not in self.done:
            path = self.checkpoint.path
            own = path.with_name(f"{path.stem}-{name}{path.suffix}")
            turns = InTurn(Checkpoint(own, self.job.config.checkpoint_seconds))
            self.done[name] = self.one_pair(turns, seed, l2, l3)
            self.checkpoint.save({"pairs": torch.tensor(len(self.done))}, {"done": self.done})
            own.unlink(missing_ok=True)
        found, message = self.done[name]
        return found, message

    def one_pair(self, turns: InTurn, seed: int, l2: float, l3: float) -> tuple[dict[str, float], str]:
        """Train with one pair of lambdas and attack; return fidelity, efficacy and AUM, or why it stopped."""
        device, (depth,) = self.machine.device, self.p["depths"]
        p = {**self.p, "lambda2": l2, "lambda3": l3}
        name = f"seed {seed}, {l2}, {l3}"
        nets = networks.model(p, depth, seed, self.pictures.classes, self.machine)
        data = self.pictures.part(self.pictures.rows("train", seed), device)
        trainer = train(turns, name, nets, p, data, self.pictures.augmented(), seed, self.machine, self.progress)
        if trainer.status()[0] != "ok":
            return {}, f"lambda2 {l2}, lambda3 {l3}: {trainer.status()[1]}"
        test = self.pictures.part(self.pictures.rows("test", seed), device)
        fidelity = float((guesses(nets, test["x"], self.machine) == test["y"]).double().mean())
        known, unseen = (
            self.pictures.part(self.pictures.balanced(s, seed, self.p["attack_images"]), device)
            for s in ("train", "test")
        )
        classes = self.pictures.classes[1]
        fitted = attacker.fit(
            turns,
            f"{name}, attack",
            nets["extractor"],
            known,
            classes,
            self.attack,
            seed,
            self.machine,
            self.progress,
        )
        status, message = fitted.trainer.status()
        if status != "ok":  # what learnt nothing reads nothing: its AUM would be the best of all
            return {}, f"lambda2 {l2}, lambda3 {l3}: attack: {message}"
        efficacy, _ = attacker.accuracies(fitted, nets["extractor"], unseen, self.machine)
        found = {"fidelity": fidelity, "efficacy": efficacy, "aum": method.aum(efficacy, fidelity)}
        return {f"{key}_{l2}_{l3}": value for key, value in found.items()}, ""

    def one_seed(self, seed: int) -> Outcome:
        """Go over the grid; the summaries are those of Figure 6's sentences, of a grid that is whole.

        A pair that diverged has no numbers, the others keep theirs; the record says diverged.
        """
        metrics: dict[str, float] = {}
        stopped: list[str] = []
        for l2 in self.p["grid2"]:
            for l3 in self.p["grid3"]:
                found, message = self.pair(seed, l2, l3)
                metrics |= found
                stopped += [message] if message else []
        if not stopped:
            metrics |= summary(metrics, self.p["grid2"], self.p["grid3"])
        return Outcome(metrics, {}, "diverged" if stopped else "ok", "; ".join(stopped))


def summary(metrics: dict[str, float], grid2: Sequence[float], grid3: Sequence[float]) -> dict[str, float]:
    """Return the best AUM and its place, its mean over lambda3 at the largest and the least lambda2, the mean fidelity.

    Of a grid that has an inside, too: the best AUM there, and on the rim, where either lambda is the least or largest.
    """

    def aum(pair: tuple[float, float]) -> float:
        return metrics[f"aum_{pair[0]}_{pair[1]}"]

    def row(l2: float) -> float:
        return fmean(aum((l2, l3)) for l3 in grid3)

    every = [(l2, l3) for l2 in grid2 for l3 in grid3]
    best = max(every, key=aum)
    found = {
        "aum_best": aum(best),
        "best_lambda2": float(best[0]),
        "best_lambda3": float(best[1]),
        "aum_high": row(max(grid2)),
        "aum_low": row(min(grid2)),
        "fidelity_mean": fmean(metrics[f"fidelity_{l2}_{l3}"] for l2, l3 in every),
    }
    inner = [(a, b) for a, b in every if min(grid2) < a < max(grid2) and min(grid3) < b < max(grid3)]
    if inner:
        found |= {"aum_inner": max(map(aum, inner)), "aum_rim": max(map(aum, set(every) - set(inner)))}
    return found


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run every seed of the cell."""
    return Grid(job, seeds).run()


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
