"""Lemmas 3.1 and 3.2, exactly, on small discrete chains (y, s) -> x -> h: where the bounds hold and where they do not.

y and s are independent and x = (s, y), so every information is a finite sum. Chains: every deterministic h of eight
pictures (4,140 of them, up to names) and channels drawn at random. s stands for s^ of eq. (2): it is the maximal
nuisance among functions of x, and a richer one would only lower the gap of the bound.
``python -m replications.attribute_unlearning.lemmas results/quick/attribute_unlearning/lemmas/exact/config.json``
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.results import Origin
from common.training.seeding import derive
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job

ROOT = Path(__file__).resolve().parents[2]
Array = NDArray[np.float64]
Y, S, H = 2, 4, 8  # values of the task, of the nuisance and of the feature
SLACK = 1e-12  # rounding of these sums in fp64
COARSE = np.array([0, 0, 1, 1])  # an attribute that is a function of s and not all of it


def information(joint: Array) -> Array:
    """Return I (chains,), in nats, of tables ``joint (chains, a, b)``."""
    product = joint.sum(2, keepdims=True) * joint.sum(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(joint > 0, joint * np.log(joint / product), 0)
    return terms.sum((1, 2))


@dataclass(frozen=True)
class Chains:
    """Many chains: ``p_y (chains, Y)``, ``p_s (chains, S)``, and channels ``p_h (chains, S, Y, H)``, p(h | s, y)."""

    p_y: Array
    p_s: Array
    p_h: Array

    @property
    def joint(self) -> Array:
        """p(s, y, h), of shape (chains, S, Y, H)."""
        return self.p_s[:, :, None, None] * self.p_y[:, None, :, None] * self.p_h

    def with_x(self) -> Array:
        """Return I(h, x)."""
        return information(self.joint.reshape(len(self.p_y), S * Y, H))

    def with_y(self) -> Array:
        """Return I(h, y)."""
        return information(self.joint.sum(1))

    def with_z(self, attribute: NDArray[np.int64]) -> Array:
        """Return I(h, z) for z = ``attribute[s, y]`` or, where it does not depend on y, ``attribute[s]``."""
        codes = attribute if attribute.ndim == 2 else np.repeat(attribute[:, None], Y, axis=1)
        cells = self.joint.reshape(len(self.p_y), S * Y, H)
        member = codes.reshape(-1) == np.arange(codes.max() + 1)[:, None]  # (z, x)
        return information(member.astype(float) @ cells)

    def entropy_y(self) -> Array:
        """Return I(x, y) = H(y): y is a function of x."""
        return -np.where(self.p_y > 0, self.p_y * np.log(np.maximum(self.p_y, 1e-300)), 0).sum(1)


SAME = np.arange(S)  # z = s
CLASS = COARSE[:, None] * Y + np.arange(Y)  # an attribute that determines y, as CIFAR-10's class does living


def loss(chains: Chains, alpha: Array, gamma: Array) -> Array:
    """Return eq. (2)."""
    return alpha * (-chains.with_x() + gamma * chains.with_z(SAME))


def bound(chains: Chains, z: NDArray[np.int64], alpha: Array, beta: Array, gamma: Array) -> Array:
    """Return the right side of eq. (3), with Lemma 3.1's lambdas."""
    l1, l2, l3 = alpha * (1 - beta), alpha * beta, alpha * (beta - gamma)
    return -l1 * chains.with_x() - l2 * chains.with_y() - l3 * chains.with_z(z)


def printed_gap(chains: Chains, z: NDArray[np.int64], alpha: Array, beta: Array) -> Array:
    """Return the right side of eq. (4)."""
    return alpha * beta * (chains.entropy_y() - chains.with_y() - chains.with_z(z))


def corrected_gap(chains: Chains, z: NDArray[np.int64], alpha: Array, beta: Array, gamma: Array) -> Array:
    """Return what bounds the gap in place of eq. (4).

    alpha beta [I(x,y) - I(h,y)] + alpha (beta - gamma) [I(h,s^) - I(h,z)].
    """
    first = alpha * beta * (chains.entropy_y() - chains.with_y())
    return first + alpha * (beta - gamma) * (chains.with_z(SAME) - chains.with_z(z))


def partitions(size: int) -> Iterator[list[int]]:
    """Yield every way to put ``size`` things into groups, as group numbers in order of first use."""
    if size == 0:
        yield []
        return
    for head in partitions(size - 1):
        for group in range(max(head, default=-1) + 2):
            yield [*head, group]


def enumerated(random: np.random.Generator) -> Chains:
    """Return one chain for every deterministic h of x, with random p(y) and p(s)."""
    maps = np.array(list(partitions(S * Y)))
    channels = np.eye(H)[maps].reshape(len(maps), S, Y, H)
    return Chains(random.dirichlet(np.ones(Y), len(maps)), random.dirichlet(np.ones(S), len(maps)), channels)


def drawn(count: int, random: np.random.Generator) -> Chains:
    """Return ``count`` chains with noisy channels, from almost deterministic ones to almost empty ones."""
    strength = 10 ** random.uniform(-1.5, 0.7, count)
    # Dirichlet of any strength: gamma variables over their sum, kept off a sum of 0
    weights = random.gamma(strength[:, None, None, None], size=(count, S, Y, H)) + 1e-30
    channels = weights / weights.sum(3, keepdims=True)
    return Chains(random.dirichlet(np.ones(Y), count), random.dirichlet(np.ones(S), count), channels)


def count(chains: Chains, random: np.random.Generator) -> dict[str, float]:
    """Return how often each statement is broken, and by how much, with alpha = 1 and random beta and gamma."""
    size = len(chains.p_y)
    alpha, beta = np.ones(size), random.uniform(0, 1, size)
    printed, unlearn = beta * random.uniform(0, 1, size), beta + random.uniform(0, 1, size)  # gamma <= beta, > beta

    def gap(z: NDArray[np.int64], gamma: Array) -> Array:
        return bound(chains, z, alpha, beta, gamma) - loss(chains, alpha, gamma)

    found: dict[str, float] = {"chains": float(size)}

    def note(name: str, slacks: Sequence[Array]) -> None:
        slack = np.concatenate(slacks)
        found[f"{name}_broken"] = float((slack < -SLACK).sum())
        found[f"{name}_least"] = float(slack.min())

    note("bound_printed", [gap(SAME, printed), gap(COARSE, printed)])
    note("bound_class", [gap(CLASS, printed)])
    note("bound_unlearn_same", [gap(SAME, unlearn)])
    note("bound_unlearn_coarse", [gap(COARSE, unlearn)])
    note("gap_printed", [printed_gap(chains, z, alpha, beta) - gap(z, printed) for z in (SAME, COARSE)])
    note(
        "gap_corrected",
        [
            corrected_gap(chains, z, alpha, beta, gamma) - gap(z, gamma)
            for z in (SAME, COARSE)
            for gamma in (printed, unlearn)
        ],
    )
    held = chains.with_x()
    some = held > 1e-9
    found["gap_share_median"] = float(np.median(gap(SAME, printed)[some] / held[some]))
    return found


def one_seed(seed: int, p: dict) -> Outcome:
    """Count on the enumerated chains and on drawn ones, together."""
    random = np.random.default_rng(derive("attribute_unlearning", "lemmas", seed))
    parts = enumerated(random), drawn(p["drawn"], random)
    together = Chains(*(np.concatenate([getattr(c, n) for c in parts]) for n in ("p_y", "p_s", "p_h")))
    return Outcome(count(together, random))


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run every seed."""
    p = job.config.params
    recipe = f"attribute_unlearning chains Y={Y} S={S} H={H} drawn={p['drawn']}"
    origin = Origin(name="discrete-chains", kind="generated", sha256=hashlib.sha256(recipe.encode()).hexdigest())
    return {seed: one_seed(seed, p) for seed in seeds}, origin, "fp64"


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
