"""Power of independence tests against the strength of dependence, for four kinds of dependence.

The paper's figure is not in the slides: every constant here is ours (D12). X is standard normal in d dimensions,
T = alpha f(A X) + (1 - alpha) noise with unit rows of A and f of unit variance. A test rejects where its statistic
exceeds the 95 % quantile of the same statistic on shuffled rows, pooled over trials.
``python -m replications.sliced_infomin.power results/quick/sliced_infomin/power/ours/config.json``
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from common.losses.correlation import mean_correlation
from common.losses.distance import distance_correlation
from common.losses.sliced import fit_slices
from common.results import Origin
from common.training.machine import prepare
from common.training.progress import Progress
from common.training.seeding import generator
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.sliced_infomin.rivals import NeuralRenyi, NeuralTC
from replications.sliced_infomin.settings import check

ROOT = Path(__file__).resolve().parents[2]

# each of unit variance for a standard normal argument
LINKS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda u: u,
    "cube": lambda u: u**3 / math.sqrt(15),
    "sine": lambda u: torch.sin(2 * u) / math.sqrt((1 - math.exp(-8)) / 2),
    "square": lambda u: (u**2 - 1) / math.sqrt(2),
}


def sample(link: str, alpha: float, n: int, d: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return X and T (n, d)."""
    a = torch.randn(d, d, generator=draws)
    x, noise = torch.randn(2, n, d, generator=draws)
    return x, alpha * LINKS[link](x @ (a / a.norm(dim=0))) + (1 - alpha) * noise


def sliced(x: Tensor, t: Tensor, draws: torch.Generator, slices: int) -> float:
    """Return SI-hat: slices fitted on one half of the rows, scored on the other."""
    half = len(x) // 2
    return float(fit_slices(x[:half], t[:half], slices, draws).correlation(x[half:].double(), t[half:].double()))


def trained(kind: type, pairs: list[tuple[Tensor, Tensor]], draws: torch.Generator, steps: int) -> list[float]:
    """Return an adversary's held-out value for many data sets at once, a stack of one network each."""
    x, t = (torch.stack(v) for v in zip(*pairs, strict=True))
    half = x.shape[1] // 2
    generators = [draws] * len(pairs)
    adversary = kind(x.shape[-1], t.shape[-1], steps, generators, hidden=32, lr=5e-3)
    adversary.max_step(x[:, :half], t[:, :half], generators)
    with torch.no_grad():
        return adversary(x[:, half:], t[:, half:], generators).tolist()


def statistics(pairs: list[tuple[Tensor, Tensor]], p: dict, draws: torch.Generator) -> dict[str, list[float]]:
    """Return every method's statistic on every data set."""
    found = {
        "slice": [sliced(x, t, draws, p["slices"]) for x, t in pairs],
        "pearson": [float(mean_correlation(x, t)) for x, t in pairs],
        "dcorr": [float(distance_correlation(x, t)) for x, t in pairs],
    }
    if p["neural_steps"]:
        found["renyi"] = trained(NeuralRenyi, pairs, draws, p["neural_steps"])
        found["tc"] = trained(NeuralTC, pairs, draws, p["neural_steps"])
    return found


def rejections(link: str, alpha: float, p: dict, draws: torch.Generator) -> dict[str, float]:
    """Return each method's share of trials rejected at the 5 % level."""
    pairs = [sample(link, alpha, p["n"], p["d"], draws) for _ in range(p["trials"])]
    null = [(x, t[torch.randperm(len(t), generator=draws)]) for x, t in pairs]
    joint, shuffled = statistics(pairs, p, draws), statistics(null, p, draws)
    shares = {}
    for name, values in joint.items():
        limit = torch.quantile(torch.tensor(shuffled[name]), 0.95)
        shares[name] = float((torch.tensor(values) > limit).float().mean())
    return shares


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Test on every link and strength for each seed."""
    check(job)
    p = job.config.params
    prepare(job.config.device, "fp32")
    alphas = [k / p["levels"] for k in range(p["levels"] + 1)]
    progress = Progress("sliced_infomin power", len(seeds) * len(LINKS) * len(alphas))
    outcomes = {}
    for seed in seeds:
        metrics, series = {}, {"alpha": alphas}
        for link in LINKS:
            rows = []
            for alpha in alphas:
                rows.append(
                    rejections(link, alpha, p, generator("sliced_infomin", "power", link, f"{alpha:.3f}", seed))
                )
                progress.advance(1)
            for name in rows[0]:
                curve = [row[name] for row in rows]
                series[f"{name}_{link}"] = curve
                metrics[f"power_{name}_{link}"] = sum(curve[1:]) / (len(curve) - 1)
                metrics[f"level_{name}_{link}"] = curve[0]
        outcomes[seed] = Outcome(metrics, series)
    recipe = f"independence power n={p['n']} d={p['d']} links={','.join(LINKS)}"
    origin = Origin(name="dependence-links", kind="generated", sha256=hashlib.sha256(recipe.encode()).hexdigest())
    return outcomes, origin, "fp32"


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
