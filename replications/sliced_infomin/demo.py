"""The Gaussian demo of the authors' code: drive the information of two correlated Gaussians to nought by SGD.

(x, y) = S(theta) noise with S = [[cos, sin], [sin, cos]], so rho = sin(2 theta) and I(x; y) = -1/2 sum ln(1 - rho^2);
y is shown through an invertible map, which changes no information.
``python -m replications.sliced_infomin.demo results/quick/sliced_infomin/demo/slice/config.json``
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from common.results import Origin
from common.training.machine import prepare
from common.training.progress import Progress
from common.training.seeding import generator
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.sliced_infomin.rivals import make_infomin
from replications.sliced_infomin.settings import check

ROOT = Path(__file__).resolve().parents[2]
START = 0.55  # theta of both pairs: rho = 0.8912, I = 1.5806 nats
MIX = ((1.0, 1.5), (1.5, 1.0))


def information(theta: Tensor) -> float:
    """Return I(x; y) in nats for angles theta (d,)."""
    return float(-0.5 * torch.log1p(-torch.sin(2 * theta.double()).square()).sum())


def draw(theta: Tensor, n: int, noise: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return x and y (1, n, d), differentiable in theta (d,)."""
    a, b = torch.randn(2, n, len(theta), generator=noise).to(theta.device)
    return (torch.cos(theta) * a + torch.sin(theta) * b)[None], (torch.sin(theta) * a + torch.cos(theta) * b)[None]


def g2(y: Tensor) -> Tensor:
    """Return (exp(q_1), tanh(q_2)), q = y A: the demo's invertible map."""
    q = y @ y.new_tensor(MIX)
    return torch.stack([q[..., 0].exp(), torch.tanh(q[..., 1])], -1)


def minimise(job: Job, seed: int, progress: Progress) -> Outcome:
    """Run one seed: every step a max step on ``max_rows`` fresh rows, then a min step on ``batch`` others."""
    p = job.config.params
    device = prepare(job.config.device, "fp32").device
    cell = job.config.cell
    noise = generator(cell.paper, cell.experiment, seed, "noise")
    draws = [generator(cell.paper, cell.experiment, seed, "init")]
    theta = torch.full((2,), START, device=device, requires_grad=True)
    infomin = make_infomin(p["method"], 2, 2, draws, slices=p["slices"], l2=p["l2"], lr=p["inner_lr"]).to(device)
    shown = g2 if p["map"] == "g2" else (lambda y: y)
    adam = torch.optim.Adam([theta], lr=p["lr"])
    curve = [information(theta.detach())]
    for _ in range(p["steps"]):
        with torch.no_grad():
            x, y = draw(theta, p["max_rows"], noise)
        infomin.max_step(x, shown(y), draws)
        x, y = draw(theta, p["batch"], noise)
        loss = infomin(x, shown(y), draws).sum()
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        curve.append(information(theta.detach()))
        progress.advance(1)
    every = max(1, p["steps"] // 100)
    metrics = {
        "mi_first": curve[0],
        "mi_last": curve[-1],
        "mi_700": curve[min(700, len(curve) - 1)],
        "mi_lowest": min(curve),
    }
    if not all(math.isfinite(v) for v in metrics.values()):
        return Outcome({}, {}, "diverged", "the information is not finite")
    return Outcome(
        metrics, {"mi": [round(v, 5) for v in curve[::every]], "step": [float(i) for i in range(0, len(curve), every)]}
    )


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run the seeds one after another: each is seconds."""
    check(job)
    progress = Progress(f"sliced_infomin demo/{job.config.cell.variant}", len(seeds) * job.config.params["steps"])
    recipe = f"gaussian demo theta={START} map={job.config.params['map']}"
    origin = Origin(name="gaussian-demo", kind="generated", sha256=hashlib.sha256(recipe.encode()).hexdigest())
    return {seed: minimise(job, seed, progress) for seed in seeds}, origin, "fp32"


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
