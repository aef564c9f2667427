"""CelebA, steps 2 and 3: one filter per private label, fresh classifiers, table 3 and its pictures.

``python -m replications.generative_filter.evaluate_faces results/quick/…/faces_filter/paper/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from common.data import ImageSet
from common.results import Origin
from common.training.checkpoint import Checkpoint, load_tensors
from common.training.in_turn import InTurn
from common.training.machine import prepare
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.generative_filter import method
from replications.generative_filter.codes import read_moments
from replications.generative_filter.faces import PRIVATE, UTILITY, attribute, load_faces, pictures, split_rows
from replications.generative_filter.faces_net import Decoder
from replications.generative_filter.game import Data, Game
from replications.generative_filter.reading import read
from replications.generative_filter.release import Released, draws, identity
from replications.generative_filter.settings import check, check_game, check_one_filter
from replications.generative_filter.sharpness import sharpness

ROOT = Path(__file__).resolve().parents[2]
SHOWN = ("male", "attractive", "eyeglasses", "hair")  # F5, F11, F12, F13
JUDGED = 1000  # test faces whose sharpness is measured
BALANCED = "_balanced"


class Evaluation:
    """Frozen codes of every seed, and what is done with them label by label."""

    def __init__(self, job: Job, seeds: list[int]) -> None:
        self.job, self.seeds, self.p = job, seeds, job.config.params
        cell = job.config.cell
        self.role = (cell.paper, cell.experiment, cell.variant)
        check(cell.experiment, self.p)
        check_one_filter(cell.experiment, self.p)
        self.machine = prepare(job.config.device, job.config.precision)
        self.faces: ImageSet = load_faces(job, self.p["size"])
        self.rows = split_rows(self.faces)
        self.moments = {split: read_moments(job, seeds, split, job.config.needs[0]) for split in ("train", "test")}
        self.metrics: list[dict[str, float]] = [{} for _ in seeds]
        self.series: list[dict[str, list[float | None]]] = [{} for _ in seeds]
        self.bad: dict[int, str] = {}
        self.turn = InTurn(Checkpoint(job.checkpoint_path(seeds), job.config.checkpoint_seconds))

    def labels(self, name: str, split: str) -> Tensor:
        """Return an attribute of the rows whose codes there are."""
        return attribute(self.faces, name, self.rows[split], self.moments[split][0].shape[1])

    def filtered(self, name: str) -> dict[str, Tensor]:
        """Train the filter that hides one label and keeps the smile; return its state."""
        mean, deviation = self.moments["train"]
        y, u = (self.labels(v, "train").expand(len(self.seeds), -1) for v in (PRIVATE[name], UTILITY))
        data = Data(mean, deviation, y, u, (2, 2), torch.ones(y.shape, dtype=torch.bool)).to(self.machine.device)
        check_game(self.job.config.cell.experiment, self.p, data.own)
        role = (*self.role, name)
        game = Game(data, self.p, self.seeds, role)
        game.model.to(self.machine.device)
        trainer = self.turn.run(name, game.trainer(self.machine, role, f"generative_filter faces, {name}"))
        method.meet_budget(game.mechanism, game.limits, game.shares, game.precision, self.p["spend"])
        spent, in_loop = game.mechanism.distortion(*game.measure(posterior=False)).detach(), game.in_loop()
        for k, seed in enumerate(self.seeds):
            self.metrics[k] |= {f"{name}_d_unit": float(spent[k]), f"{name}_h": float(in_loop[k])}
            if k in trainer.stopped:
                self.bad[seed] = f"{name}: {trainer.stopped[k]}"
        return {"A": game.mechanism.state_dict()["A"].cpu()[:, None]}

    def released(self, split: str, told: str, state: dict[str, Tensor]) -> Released:
        """Return one split's codes behind a mechanism that is told the label ``told``."""
        mean = self.moments[split][0]
        return Released(mean, None, self.labels(told, split).expand(len(self.seeds), -1), state)

    def read(self, key: str, told: str, wanted: str, state: dict[str, Tensor]) -> None:
        """Fit fresh FC60 classifiers for the attribute ``wanted`` and keep accuracy and balanced accuracy.

        They stop on rows held back: raw codes are few and fixed, and would be learnt by heart where filtered ones are
        not.
        """
        how = self.p["fresh"]
        net = method.classifier(
            self.moments["train"][0].shape[-1], 2, draws(self.role, self.seeds, key, "init"), how["hidden"]
        )
        released = {split: self.released(split, told, state) for split in ("train", "test")}
        truth = {split: self.labels(wanted, split) for split in released}
        found = read(net, released, truth, 2, self.p, how, partial(draws, self.role, self.seeds, key))
        for k in range(len(self.seeds)):
            self.metrics[k][key] = float(found.accuracy[k])
            self.metrics[k][f"{key}{BALANCED}"] = float(found.balanced[k])

    def table(self) -> dict[str, dict[str, Tensor]]:
        """Fill table 3: chance of the test rows in use, raw codes, filtered codes; return the filters."""
        raw = identity(len(self.seeds))
        filters = {}
        for name, column in PRIVATE.items():
            filters[name] = self.filtered(name)
            self.read(f"vae_{name}", column, column, raw)
            self.read(f"filter_{name}", column, column, filters[name])
            self.read(f"smiling_behind_{name}", column, UTILITY, filters[name])
        self.read("vae_smiling", UTILITY, UTILITY, raw)
        for k in range(len(self.seeds)):
            found = self.metrics[k]
            for name, column in (*PRIVATE.items(), ("smiling", UTILITY)):
                rate = float(self.labels(column, "test").double().mean())
                found[f"chance_{name}"] = max(rate, 1 - rate)
            for end in ("", BALANCED):
                kept = [found[f"smiling_behind_{name}{end}"] for name in PRIVATE]
                found[f"filter_smiling{end}"] = float(np.mean(kept))
            for row, end in (("vae", ""), ("chance", ""), ("filter", ""), ("vae", BALANCED), ("filter", BALANCED)):
                found[f"{row}_average{end}"] = float(np.mean([found[f"{row}_{name}{end}"] for name in PRIVATE]))
        return filters

    def pictures(self, filters: dict[str, dict[str, Tensor]]) -> None:
        """Measure how sharp test faces are as they are, decoded, and decoded behind each shown filter (GF-C11).

        Seed 0 keeps some of them, for figures 5 and 10 to 13.
        """
        codes = {"decoded": self.moments["test"][0]}
        for name in SHOWN:
            drawing = draws(self.role, self.seeds, "shown", name)
            codes[f"behind_{name}"] = self.released("test", PRIVATE[name], filters[name]).whole(drawing)
        raw = pictures(self.faces, self.rows["test"], JUDGED).float() / 255
        for k, seed in enumerate(self.seeds):
            net = self.decoder(seed)
            with torch.no_grad():
                grids = {name: torch.cat([net(part) for part in z[k, :JUDGED].split(256)]) for name, z in codes.items()}
            sharp = {name: sharpness(values) for name, values in {"raw": raw, **grids}.items()}
            self.metrics[k] |= {"sharpness_raw": sharp["raw"], "sharpness_decoded": sharp["decoded"]}
            self.metrics[k]["sharpness_filtered"] = float(np.mean([sharp[f"behind_{name}"] for name in SHOWN]))
            if seed == 0:
                for name, values in {"raw": raw, **grids}.items():
                    shown = values[: self.p["shown"]]
                    small = torch.nn.functional.interpolate(shown, size=32, mode="area")  # no megabytes in a record
                    self.series[k][f"pictures_{name}"] = (255 * small).round().flatten().tolist()

    def decoder(self, seed: int) -> Decoder:
        """Return a seed's frozen decoder."""
        kept, _ = load_tensors(self.job.weights_path(seed, self.job.config.needs[0]))
        weights = {n.removeprefix("decoder."): v for n, v in kept.items() if n.startswith("decoder.")}
        channels = weights["first.weight"].shape[0] // 16
        net = Decoder(weights["first.weight"].shape[1], tuple(channels // 2**i for i in range(5)))
        net.load_state_dict(weights)
        return net.eval()


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Hide each of the eight labels in turn, all seeds stacked."""
    work = Evaluation(job, seeds)
    work.pictures(work.table())
    outcomes = {}
    for k, seed in enumerate(seeds):
        status = "diverged" if seed in work.bad else "ok"
        metrics = {} if seed in work.bad else work.metrics[k]
        outcomes[seed] = Outcome(metrics, work.series[k], status, work.bad.get(seed, ""))
    used = sum(mean.shape[1] for mean, _ in work.moments.values())
    return outcomes, work.faces.origin.using(used, sum(map(len, work.rows.values()))), work.machine.dtype


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
