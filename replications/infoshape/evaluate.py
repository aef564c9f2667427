"""Judges InfoShape's codes with fresh classifiers: Table 4.1, Figures 4-2 and 4-3.

``python -m replications.infoshape.evaluate results/quick/infoshape/classifier/thesis/config.json``
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

from common.evaluation.probes import BinaryVerdict, ProbeSettings
from common.results import Origin
from common.training.machine import prepare
from common.training.progress import Progress
from common.training.seeding import generator
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.infoshape.codes import codes_of
from replications.infoshape.probing import probe
from replications.infoshape.sample import Sample, draw, origin
from replications.infoshape.settings import check

ROOT = Path(__file__).resolve().parents[2]


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Train fresh classifiers on X, on the untrained code and on the trained code; judge them on held-out rows."""
    p = job.config.params
    check(job.config.cell.experiment, p)
    cell = job.config.needs[0]
    device = prepare(job.config.device, "fp32").device
    whole = draw(seeds, p["n_per_class"], "data")
    inputs = {
        "raw": whole.x,
        "untrained": codes_of(job, seeds, cell, 0, whole.x),
        "trained": codes_of(job, seeds, cell, -1, whole.x),
    }
    settings = ProbeSettings((p["hidden"],), p["batch"], p["epochs"], p["lr"], p["momentum"])
    progress = Progress(f"infoshape classifier, seeds {seeds}", 3 * len(seeds) * p["epochs"])
    outcomes = {seed: Outcome({}) for seed in seeds}
    for name, features in inputs.items():
        init = [generator("infoshape", "classifier", s, name, "init") for s in seeds]
        order = [generator("infoshape", "classifier", s, name, "order", device=device) for s in seeds]
        found = probe(Sample(features, whole.labels), p["test_share"], settings, init, order, progress)
        for seed, verdict in zip(seeds, found, strict=True):
            _keep(outcomes[seed], name, verdict)
    progress.close()
    return outcomes, origin(job), "fp32"


def _keep(outcome: Outcome, name: str, verdict: BinaryVerdict) -> None:
    """Keep one classifier's numbers; ln 2 - cross-entropy bounds I(Z;L) from below (ours, README D9)."""
    outcome.metrics[f"auc_{name}"] = verdict.auc
    outcome.metrics[f"accuracy_{name}"] = verdict.accuracy
    outcome.metrics[f"cross_entropy_{name}"] = verdict.cross_entropy
    outcome.metrics[f"ce_bound_{name}"] = math.log(2) - verdict.cross_entropy
    outcome.series["roc_fpr"] = list(verdict.false_positives)
    outcome.series[f"roc_tpr_{name}"] = list(verdict.true_positives)


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
