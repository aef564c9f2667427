"""Judges InfoShape's codes with fresh classifiers: Table 4.1, Figures 4-2 and 4-3.

``python -m replications.infoshape.evaluate results/quick/infoshape/classifier/thesis/config.json``
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from common.evaluation.probes import ProbeSettings, fit_binary_probes, judge_binary
from common.results import Origin
from common.training.checkpoint import load_tensors
from common.training.machine import prepare
from common.training.progress import Progress
from common.training.seeding import generator
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.infoshape import method
from replications.infoshape.sample import Sample, draw, origin

ROOT = Path(__file__).resolve().parents[2]


def encode(job: Job, seeds: list[int], sample: Sample, epoch: int | None) -> Tensor:
    """Return the codes (members, n, 3) of the frozen encoders at ``epoch`` (``None`` = after the last step)."""
    codes = []
    for k, seed in enumerate(seeds):
        kept, notes = load_tensors(job.weights_path(seed, job.config.needs[0]))
        prefix = f"{notes['epochs'][-1] if epoch is None else epoch}:"
        net = method.encoder([generator("unused")])
        net.load_state_dict({n.removeprefix(prefix): v[None] for n, v in kept.items() if n.startswith(prefix)})
        with torch.no_grad():
            codes.append(net(sample.x[k : k + 1]))
    return torch.cat(codes)


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Train fresh classifiers on X, on the untrained code and on the trained code; judge them on held-out rows."""
    p = job.config.params
    device = prepare(job.config.device, "fp32").device
    whole = draw(seeds, p["n_per_class"], "data")
    inputs = {
        "raw": whole.x,
        "untrained": encode(job, seeds, whole, 0),
        "trained": encode(job, seeds, whole, None),
    }
    settings = ProbeSettings((p["hidden"],), p["batch"], p["epochs"], p["lr"], p["momentum"])
    progress = Progress(f"infoshape classifier, seeds {seeds}", 3 * len(seeds) * p["epochs"])
    outcomes = {seed: Outcome({}) for seed in seeds}
    for name, features in inputs.items():
        train = Sample(features, whole.labels).head(1 - p["test_share"]).to(device)
        test = Sample(features, whole.labels).tail(p["test_share"]).to(device)
        init = [generator("infoshape", "classifier", s, name, "init") for s in seeds]
        order = [generator("infoshape", "classifier", s, name, "order", device=device) for s in seeds]
        probe = fit_binary_probes(train.x, train.labels, settings, init, order, progress)
        with torch.no_grad():
            logits = probe(test.x)[..., 0]
        for k, seed in enumerate(seeds):
            _keep(outcomes[seed], name, logits[k], test.labels[k, :, 0])
    progress.close()
    return outcomes, origin(job), "fp32"


def _keep(outcome: Outcome, name: str, logits: Tensor, labels: Tensor) -> None:
    """Keep one classifier's numbers; ln 2 - cross-entropy bounds I(Z;L) from below (ours, README D9)."""
    verdict = judge_binary(logits, labels)
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
