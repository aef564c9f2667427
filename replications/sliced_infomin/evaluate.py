"""What frozen codes of US Census and Adult tell: rho*(Z, Y), and rho*(Z, T) one- and two-sided, by fresh readers.

``python -m replications.sliced_infomin.evaluate results/quick/sliced_infomin/census_judge/slice/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from common.results import Origin
from common.training.checkpoint import load_tensors
from common.training.machine import prepare
from common.training.progress import Progress
from common.training.seeding import generator
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.sliced_infomin.fair_nets import encoder, utility_head
from replications.sliced_infomin.fair_tables import Rows, load_rows
from replications.sliced_infomin.judge import Codes, Judged, Reading, Settings, judge, scored
from replications.sliced_infomin.settings import check

ROOT = Path(__file__).resolve().parents[2]
HIDDEN = {"y": (100, 100), "t": (200,)}  # the code's networks


class Evaluation:
    """The codes of a stack of seeds under every reader."""

    def __init__(self, job: Job, seeds: list[int]) -> None:
        check(job)
        self.job, self.seeds, self.p = job, seeds, job.config.params
        self.trained = job.config.needs[0]
        device = prepare(job.config.device, "fp32").device
        train, test, self.origin, names = load_rows(job, seeds, job.needed(self.trained, seeds[0]).params)
        self.train, self.test = train.to(device), test.to(device)
        unused = [generator("unused", s) for s in seeds]
        self.encoder, self.head = encoder(len(names), unused).to(device), utility_head(unused).to(device)
        kept = [load_tensors(job.weights_path(seed, self.trained))[0] for seed in seeds]
        for name, net in (("encoder", self.encoder), ("head", self.head)):
            net.load_state_dict({key: torch.stack([own[f"{name}.{key}"] for own in kept]) for key in net.state_dict()})
        with torch.no_grad():
            self.z, self.z_test = self.encoder(self.train.x), self.encoder(self.test.x)

    def read(self, which: str, two_sided: bool = False, more: dict[str, Reading] | None = None) -> Judged:
        """Judge the codes against Y or T."""
        p, experiment = self.p, self.job.config.cell.experiment
        batch = min(p["batch"], self.codes(which).cut)
        settings = Settings(HIDDEN[which], p["steps"], batch, p["lr"], rounds=p["rounds"])
        side = "two" if two_sided else "one"
        roles = [("sliced_infomin", experiment, s, which, side) for s in self.seeds]
        return judge(self.codes(which), settings, roles, two_sided, more)

    def codes(self, which: str) -> Codes:
        """Return the codes with Y or T beside them."""

        def column(rows: Rows) -> Tensor:
            return rows.y if which == "y" else rows.t

        return Codes(self.z, column(self.train), self.z_test, column(self.test))

    @torch.no_grad()
    def own_head(self) -> Reading:
        """Return what the head that was trained along reads of Y."""
        codes = self.codes("y")
        return scored(self.head(self.z[:, codes.cut :])[..., 0], self.head(self.z_test)[..., 0], codes)


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Judge the stack's codes and leave each reader's finding beside the strongest one's."""
    task = Evaluation(job, seeds)
    cell = job.config.cell
    progress = Progress(f"{cell.paper} {cell.experiment}/{cell.variant}", 3)
    found: dict[str, Judged] = {}
    for name, which, two_sided in (("rho_zy", "y", False), ("rho_zt", "t", False), ("hgr_zt", "t", True)):
        more = {"trained_along": task.own_head()} if which == "y" else found["rho_zt"].readings if two_sided else {}
        found[name] = task.read(which, two_sided, more)
        progress.advance(1)
    progress.close()
    outcomes = {}
    for k, seed in enumerate(seeds):
        trained = job.needed(task.trained, seed)
        metrics = {name: float(judged.value[k]) for name, judged in found.items()}
        for name, reader in (("rho_zy", "trained_along"), ("rho_zt", "code")):  # as the code has it
            own = found[name].readings[reader]
            metrics |= {f"{name}_code": float(own.value[k]), f"{name}_code_last500": float(own.last[k])}
        metrics |= {
            f"{name}_by_{reader}": float(reading.value[k])
            for name, judged in found.items()
            for reader, reading in judged.readings.items()
            if name != "hgr_zt" or reader.endswith("two_sided")
        }
        metrics |= {"test_rows": float(task.test.x.shape[1]), "slices": float(trained.params["slices"])}
        outcomes[seed] = Outcome(metrics)
    return outcomes, task.origin, "fp32"


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
