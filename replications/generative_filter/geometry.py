"""Figures 4 and 8: test codes in the plane by UMAP, raw and filtered; one seed.

The plane is to be looked at; what claims C12 and C13 ask is measured on the codes themselves.

``python -m replications.generative_filter.geometry results/quick/generative_filter/geometry/paper/config.json``
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import silhouette_score

from common.results import Origin
from common.training.machine import prepare
from common.training.seeding import derive
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.generative_filter.codes import digits_of, label, origin_of, read_codes
from replications.generative_filter.release import Released, draws, read_mechanisms
from replications.generative_filter.settings import check, check_told, check_trained

ROOT = Path(__file__).resolve().parents[2]
CASES = ({"private": "digit", "utility": "circle"}, {"private": "large", "utility": "odd"})


def plane(points: NDArray[np.float64], neighbours: int, seed: int) -> NDArray[np.float64]:
    """Return a UMAP embedding (n, 2)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fixed seed makes it run on one thread, which it says each time
        from umap import UMAP

        return np.asarray(UMAP(n_neighbors=neighbours, random_state=seed).fit_transform(points), dtype=float)


def gap(points: NDArray[np.float64], digits: NDArray[np.int64], one: int, other: int) -> float:
    """Return how far apart two digits' mean codes lie, over the mean distance of all pairs of digits among them."""
    means = {int(d): points[digits == d].mean(0) for d in np.unique(digits)}
    pairs = [np.linalg.norm(means[a] - means[b]) for a, b in combinations(means, 2)]
    return float(np.linalg.norm(means[one] - means[other]) / np.mean(pairs))


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Embed the same test rows raw, and behind each shown filter."""
    p, cell = job.config.params, job.config.cell
    check(cell.experiment, p)
    machine = prepare("cpu", "fp32")
    digits = digits_of(job)
    vae, case1, case2 = job.config.needs
    told = ((case1, CASES[0], "case1_budgets"), (case2, CASES[1], "case2_budgets"))
    for case, labels, key in told:
        trained = job.needed(case, seeds[0]).params
        check_told(cell.experiment, labels, case, trained)
        check_trained(cell.experiment, p, case, trained["budgets"], key)
    outcomes = {}
    for seed in seeds:
        codes = read_codes(job, [seed], digits, "test", vae)
        rows = slice(None, p["rows"])
        found, series = {"raw": codes.mean[0, rows].numpy()}, {}
        for case, private, budgets in ((case1, "digit", p["case1_budgets"]), (case2, "large", p["case2_budgets"])):
            state = read_mechanisms(job, [seed], case, budgets)
            released = Released(codes.mean, None, label(private, codes.digits)[None], state)
            drawn = released.whole(draws((cell.paper, cell.experiment), [seed], private))
            for j, b in enumerate(budgets):
                found[f"{private}_b{b:g}"] = drawn[j, rows].numpy()
        truth = codes.digits[rows]
        metrics = {}
        for name, points in found.items():
            where = plane(points, p["neighbours"], derive("generative_filter", "umap", seed) % 2**31)
            for axis in (0, 1):
                series[f"{name}_{axis}"] = [round(float(v), 3) for v in where[:, axis]]
            if {0, 6} <= set(truth.tolist()):
                metrics[f"gap_0_6_{name}"] = gap(points, truth.numpy(), 0, 6)
            # how far apart groups lie in the code itself, from -1 to 1: the embedding is for the eye
            for group in ("digit", "circle", "large"):
                of = label(group, truth).numpy()
                metrics[f"silhouette_{group}_{name}"] = float(silhouette_score(points, of))
        series["digits"] = truth.tolist()
        outcomes[seed] = Outcome(metrics, series)
    return outcomes, origin_of(job, seeds, digits), machine.dtype


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
