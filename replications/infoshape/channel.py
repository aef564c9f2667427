"""Ours: a Gaussian channel after the encoder, Z = T(X) + sigma N, so that I(X;Z) is a finite number with a truth.

Known answer: for a linear encoder W and one Gaussian component, I(X;Z|L=l) = 1/2 ln det(I + W S_l W' / sigma^2); the
label adds I(Z;L), since L is a function of X. For any encoder the density of Z given X is known, which brackets the
truth (Poole et al., arXiv:1905.06922, section 2.5: InfoNCE with the known conditional, its own row in or out).
``python -m replications.infoshape.channel results/quick/infoshape/channel_linear/thesis/config.json``
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common.data.gaussians import component_covariance
from common.estimators.critic_fit import CriticFit
from common.results import Origin
from common.training.checkpoint import Checkpoint
from common.training.machine import prepare
from common.training.progress import Progress
from common.training.resume import ResumableFits
from common.training.seeding import generator
from common.workflow.cost import Work
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.infoshape import method
from replications.infoshape.codes import codes_of, named
from replications.infoshape.protocol import batches_of, heldout_batches
from replications.infoshape.sample import DIM, RHOS, draw, origin
from replications.infoshape.settings import check

ROOT = Path(__file__).resolve().parents[2]


def component_information(w: Tensor, sigma: float, rho: float) -> float:
    """Return I(X; WX + sigma N) in nats of one component: 1/2 ln det(I + W S W' / sigma^2), ``w (d_z, 20)``."""
    w = w.double()
    inside = torch.eye(len(w), dtype=torch.float64) + w @ component_covariance(DIM, rho) @ w.T / sigma**2
    return 0.5 * float(torch.logdet(inside))


def linear_information(w: Tensor, sigma: float, n: int, random: torch.Generator) -> tuple[float, float]:
    """Return I(X;Z) of the two-component data and I(Z;L) in nats, the density of Z being known.

    I(X;Z) = I(Z;L) + mean over l of I(X;Z|L=l); the first term alone is averaged over ``n`` draws of Z per component.
    """
    w = w.double()
    noise = sigma**2 * torch.eye(len(w), dtype=torch.float64)
    covariances = [w @ component_covariance(DIM, rho) @ w.T + noise for rho in RHOS]
    zero = torch.zeros(len(w), dtype=torch.float64)
    densities = [torch.distributions.MultivariateNormal(zero, covariance) for covariance in covariances]
    label = 0.0
    for own in range(2):
        root = torch.linalg.cholesky(covariances[own])
        z = torch.randn(n, len(w), generator=random, dtype=torch.float64) @ root.T
        logs = torch.stack([d.log_prob(z) for d in densities])
        label += 0.5 * float((logs[own] - torch.logsumexp(logs, 0) + math.log(2)).mean())
    return label + sum(component_information(w, sigma, rho) for rho in RHOS) / 2, label


def bracket(codes: Tensor, sigma: float, judged: int, random: torch.Generator) -> tuple[float, float]:
    """Return a lower and an upper bound in expectation on I(X; T(X) + sigma N) from codes ``(n, d)`` of iid rows.

    E[ln p(z_i|x_i) - ln mean_j p(z_i|x_j)] over ``judged`` rows i: with j = i among the n candidates it lies below
    the truth (and below ln n), without above. Reads all pairs of judged and candidate rows, in blocks.
    """
    n, d = codes.shape
    judged = min(judged, n)
    rows = torch.randperm(n, generator=random)[:judged]
    noise = torch.randn(judged, d, generator=random)
    lower, upper = [], []
    for some, e in zip(rows.split(500), noise.split(500), strict=True):
        z = codes[some] + sigma * e
        logs = torch.cdist(z, codes, compute_mode="donot_use_mm_for_euclid_dist").square() / (-2 * sigma**2)
        own = -0.5 * e.square().sum(1)
        lower.append(own - (torch.logsumexp(logs, 1) - math.log(n)))
        logs[torch.arange(len(some)), some] = -math.inf
        upper.append(own - (torch.logsumexp(logs, 1) - math.log(n - 1)))
    return float(torch.cat(lower).double().mean()), float(torch.cat(upper).double().mean())


def linear_encoders(seeds: Sequence[int]) -> Tensor:
    """Return each seed's untrained encoder without its tanh, as one matrix (members, 3, 20)."""
    net = method.encoder([generator("infoshape", "encoder", s) for s in seeds])
    return (net.layers[0].weight.detach() @ net.layers[1].weight.detach()).mT.contiguous()


def judge_linear(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Set ReMINE's estimate, the bracket and the closed form side by side for linear encoders."""
    p = job.config.params
    machine = prepare(job.config.device, job.config.precision)
    batches, fresh_batches = batches_of(p), heldout_batches(p)
    sample, fresh = draw(seeds, p["n_per_class"], "data"), draw(seeds, p["heldout"] // 2, "heldout")
    w = linear_encoders(seeds)
    clean, clean_fresh = sample.x @ w.mT, fresh.x @ w.mT
    total = len(p["sigmas"]) * p["passes"] * batches * len(seeds)
    metrics: list[dict[str, float]] = [{} for _ in seeds]
    checkpoint = Checkpoint(job.checkpoint_path(seeds), job.config.checkpoint_seconds)
    progress = Progress(f"infoshape channel_linear, seeds {seeds}", total)
    fits = ResumableFits(checkpoint, lambda: ({}, {"metrics": metrics}), progress)
    if saved := fits.resume():
        metrics = saved[1]["metrics"]
    for sigma in p["sigmas"]:
        if f"truth_{sigma:g}" in metrics[0]:
            continue  # finished before an interruption
        noisy, noisy_fresh = (_noisy(c, sigma, seeds, r) for c, r in ((clean, "noise"), (clean_fresh, "fresh")))
        fit = fits.train(f"{sigma:g}", _fit(job, seeds, (sample.x, noisy), sigma, machine), p["passes"])
        with torch.no_grad():
            own = _mean_bound(fit, sample.x, noisy, seeds, p["final_batches"], sigma)
            held = _mean_bound(fit, fresh.x, noisy_fresh, seeds, fresh_batches, sigma)
        for k, seed in enumerate(seeds):
            random = generator("infoshape", "channel", seed, "draws")
            truth, label = linear_information(w[k], sigma, p["draws"], random)
            low, high = bracket(clean[k], sigma, p["judged"], random)
            values = {"truth": truth, "label": label, "lower": low, "upper": high}
            values |= {"remine": float(own[k]), "remine_heldout": float(held[k])}
            metrics[k] |= {f"{name}_{sigma:g}": v for name, v in values.items()}
        fits.next_stage()
    progress.close()
    return {seed: Outcome(found) for seed, found in zip(seeds, metrics, strict=True)}, origin(job), machine.dtype


def _noisy(codes: Tensor, sigma: float, seeds: Sequence[int], role: str) -> Tensor:
    shape = codes.shape[1:]
    noise = [torch.randn(shape, generator=generator("infoshape", "channel", s, role, f"{sigma:g}")) for s in seeds]
    return codes + sigma * torch.stack(noise)


def _fit(job: Job, seeds: list[int], pair: tuple[Tensor, Tensor], sigma: float, machine: Any) -> CriticFit:
    """Return a fresh ReMINE fit of Table 3.6's network to (X, Z)."""
    p = job.config.params
    init = [generator("infoshape", "channel", s, f"{sigma:g}", "init") for s in seeds]
    order = [generator("infoshape", "channel", s, f"{sigma:g}", "order", device=machine.device) for s in seeds]
    x, z = (v.to(machine.device) for v in pair)
    critic = method.statistics_network(x.shape[-1], z.shape[-1], init).to(machine.device)
    settings = {"batch": p["batch"], "lr": p["critic_lr"], "autocast": machine.autocast}
    return CriticFit(x, z, critic, method.ReMINE(), generators=order, **settings)


def _mean_bound(fit: CriticFit, x: Tensor, z: Tensor, seeds: list[int], batches: int, sigma: float) -> Tensor:
    device = fit.x.device
    random = [generator("infoshape", "channel", s, f"{sigma:g}", "value", device=device) for s in seeds]
    return torch.stack(list(fit.bounds(x.to(device), z.to(device), batches, random))).mean(0)


def judge_encoders(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Bracket I(X; T(X) + sigma N) of the frozen encoders: whether training lowers a leakage that has a truth."""
    p = job.config.params
    sample = draw(seeds, p["n_per_class"], "data")
    states = [(job.config.needs[0], 0), *((cell, -1) for cell in job.config.needs)]
    progress = Progress(f"infoshape channel, seeds {seeds}", len(states) * len(seeds))
    outcomes = {seed: Outcome({}) for seed in seeds}
    for cell, epoch in states:
        codes = codes_of(job, seeds, cell, epoch, sample.x)
        for k, seed in enumerate(seeds):
            outcomes[seed].metrics[f"code_sd_{named(cell, epoch)}"] = float(codes[k].std(0).mean())
            # In units of the code's own spread too: who holds the code may rescale it, so shrinking it hides nothing.
            channels = {f"{sigma:g}": (codes[k], sigma) for sigma in p["sigmas"]}
            channels["relative"] = (codes[k] / codes[k].std(0), p["relative"])
            for name, (code, sigma) in channels.items():
                random = generator("infoshape", "channel", seed, name, "bracket")  # the same noise for every state
                low, high = bracket(code, sigma, p["judged"], random)
                outcomes[seed].metrics[f"lower_{named(cell, epoch)}_{name}"] = low
                outcomes[seed].metrics[f"upper_{named(cell, epoch)}_{name}"] = high
            progress.advance(1)
    progress.close()
    return outcomes, origin(job), "fp32"


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run the experiment that the job names."""
    check(job.config.cell.experiment, job.config.params)
    return judge_linear(job, seeds) if job.config.cell.experiment == "channel_linear" else judge_encoders(job, seeds)


def work(experiment: str, p: dict[str, Any]) -> Work:
    """Return the optimiser steps and operations of one seed, for the plan."""
    rows = 2 * p["n_per_class"]
    kernels = (
        (len(p["sigmas"]) + (experiment == "channel")) * p["judged"] * rows * 20
    )  # distance, exponential and sum of a pair
    if experiment == "channel":
        return Work(0, 3 * kernels)
    steps = len(p["sigmas"]) * p["passes"] * batches_of(p)
    return Work(steps, kernels + steps * 2 * p["batch"] * 6 * (23 * 100 + 100 * 100 + 100))


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
