"""Lemmas 3.1 and 3.2, exactly, on small discrete chains (y, s) -> x -> h: where the bounds hold and where they do not.

y and s are independent and x = (s, y), so every information is a finite sum. Chains: every deterministic h of eight
pictures (4,140 of them, up to names) and channels drawn at random.

s^ of eq. (2) is, of all variables with I(s, y) = 0, the one of which h tells most. (y, s) -> x -> h lets it be any
channel of x, with noise of its own, so s need not be it: for fair bits and h = s xor y, s^ is h. It is found exactly.
Independence asks p(y | s^) = p(y) of every value of s^. To split a value never raises H(h | s^), and one that cannot be
split allows one picture for either y: s^ = (s if y = 0, s if y = 1). The weights of these pairs are a coupling of
p(x | y = 0) and p(x | y = 1). So the best is an optimal transport at the cost H(h | s^), and s is the diagonal one.
Metrics that start with ``function_`` are of the other reading, s^ among the functions of x: there s is s^.
``python -m replications.attribute_unlearning.lemmas results/quick/attribute_unlearning/lemmas/exact/config.json``
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
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
BLOCK = 512  # chains whose couplings are weighed at once: 23 MB
COARSE = np.array([0, 0, 1, 1])  # an attribute that is a function of s and not all of it


def information(joint: Array) -> Array:
    """Return I (chains,), in nats, of tables ``joint (chains, a, b)``."""
    product = joint.sum(2, keepdims=True) * joint.sum(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(joint > 0, joint * np.log(joint / product), 0)
    return terms.sum((1, 2))


def entropy(table: Array) -> Array:
    """Return the entropy in nats over the last axis."""
    return -np.where(table > 0, table * np.log(np.maximum(table, 1e-300)), 0).sum(-1)


@cache
def couplings() -> Array:
    """Return ``(vertices, S * S, S)``: every vertex of the couplings of p(s) with itself, as a linear map of p(s).

    A vertex is a spanning tree of the cells (i, j) between rows and columns. p(s) falls: of the trees that are negative
    somewhere, those found so by the signs in its steps are left out.
    """
    row, column = np.divmod(np.arange(S * S), S)
    margins = np.concatenate([row == np.arange(S)[:, None], column == np.arange(S)[:, None]])[:-1].astype(float)
    trees = np.array(list(combinations(range(S * S), 2 * S - 1)))
    matrices = margins[:, trees].transpose(1, 0, 2)
    spanning = np.abs(np.linalg.det(matrices)) > 0.5  # unimodular: 1, or 0 for a cycle
    flows = np.rint(np.linalg.inv(matrices[spanning])) @ np.concatenate([np.eye(S), np.eye(S)])[:-1]
    found = np.zeros((len(flows), S * S, S))
    np.put_along_axis(found, np.repeat(trees[spanning][:, :, None], S, axis=2), flows, axis=1)
    found = np.unique(found, axis=0)
    steps = found @ np.triu(np.ones((S, S)))  # p(s) as a sum of falling steps, each 0 or more
    return found[~((steps.min(2) < 0) & (steps.max(2) <= 0)).any(1)]


def transport(cost: Array, p_s: Array) -> Array:
    """Return the cheapest coupling of each ``p_s (chains, S)`` with itself; it and ``cost`` are (chains, S, S)."""
    order = np.argsort(-p_s, axis=1)
    chain = np.arange(len(p_s))[:, None, None]
    cells = chain, order[:, :, None], order[:, None]
    p_s, cost = np.take_along_axis(p_s, order, axis=1), cost[cells].reshape(-1, S * S)
    vertices = couplings()
    best = np.zeros_like(cost)
    for start in range(0, len(p_s), BLOCK):
        part = slice(start, start + BLOCK)
        plans = (vertices.reshape(-1, S) @ p_s[part].T).reshape(*vertices.shape[:2], -1)
        price = np.einsum("vkc,ck->vc", plans, cost[part])
        price[plans.min(1) < -1e-15] = np.inf  # no coupling; rounding of a 0 stays
        best[part] = plans[price.argmin(0), :, np.arange(plans.shape[2])]
    found = np.zeros((len(best), S, S))
    found[cells] = np.maximum(best, 0).reshape(-1, S, S)
    return found


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

    def nuisance(self) -> Array:
        """Return p(s^, s, y), of shape (chains, S * S, S, Y), for the maximal nuisance of eq. (2)."""
        zero, one = (self.p_y[:, y, None, None] * self.p_h[:, :, y] for y in range(Y))
        plan = transport(entropy(zero[:, :, None] + one[:, None]), self.p_s)
        i, j = np.divmod(np.arange(S * S), S)  # s where y = 0, and where y = 1
        picture = np.stack([np.eye(S)[i], np.eye(S)[j]], axis=-1)
        return plan.reshape(-1, S * S, 1, 1) * self.p_y[:, None, None] * picture

    def with_nuisance(self) -> Array:
        """Return I(h, s^)."""
        return information(np.einsum("casy,csyh->cah", self.nuisance(), self.p_h, optimize=True))

    def entropy_y(self) -> Array:
        """Return I(x, y) = H(y): y is a function of x."""
        return entropy(self.p_y)


SAME = np.arange(S)  # z = s
CLASS = COARSE[:, None] * Y + np.arange(Y)  # an attribute that determines y, as CIFAR-10's class does living


def loss(chains: Chains, nuisance: Array, alpha: Array, gamma: Array) -> Array:
    """Return eq. (2), ``nuisance`` being I(h, s^)."""
    return alpha * (-chains.with_x() + gamma * nuisance)


def bound(chains: Chains, told: Array, alpha: Array, beta: Array, gamma: Array) -> Array:
    """Return the right side of eq. (3), with Lemma 3.1's lambdas, ``told`` being I(h, z)."""
    l1, l2, l3 = alpha * (1 - beta), alpha * beta, alpha * (beta - gamma)
    return -l1 * chains.with_x() - l2 * chains.with_y() - l3 * told


def printed_gap(chains: Chains, told: Array, alpha: Array, beta: Array) -> Array:
    """Return the right side of eq. (4)."""
    return alpha * beta * (chains.entropy_y() - chains.with_y() - told)


def corrected_gap(chains: Chains, nuisance: Array, told: Array, alpha: Array, beta: Array, gamma: Array) -> Array:
    """Return what bounds the gap in place of eq. (4).

    alpha beta [I(x,y) - I(h,y)] + alpha (beta - gamma) [I(h,s^) - I(h,z)].
    """
    first = alpha * beta * (chains.entropy_y() - chains.with_y())
    return first + alpha * (beta - gamma) * (nuisance - told)


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
    """Return how often each statement is broken, and by how much, with alpha = 1 and random beta and gamma.

    ``same``: z = s^. ``s``: z = s. ``coarse``: a function of s. ``class``: determines y. Names without one are of s^
    and the coarse z, shares without one of s^. ``richer``: chains whose h tells more of s^ than of s.
    """
    size = len(chains.p_y)
    beta = random.uniform(0, 1, size)
    printed, unlearn = beta * random.uniform(0, 1, size), beta + random.uniform(0, 1, size)  # gamma <= beta, > beta
    s = chains.with_z(SAME)
    richest = chains.with_nuisance()
    found = {"chains": float(size), "richer": float((richest - s > SLACK).sum())}
    found |= statements(chains, {"same": richest, "s": s}, beta, printed, unlearn)
    other = statements(chains, {"same": s}, beta, printed, unlearn)
    return found | {f"function_{name}": value for name, value in other.items()}


def statements(
    chains: Chains, known: dict[str, Array], beta: Array, printed: Array, unlearn: Array
) -> dict[str, float]:
    """Judge each statement under one reading of s^; ``known`` holds I(h, z) of z = s^ (``same``), and of further z."""
    alpha, nuisance = np.ones(len(beta)), known["same"]
    told = known | {"coarse": chains.with_z(COARSE), "class": chains.with_z(CLASS)}
    found: dict[str, float] = {}

    def gap(z: str, gamma: Array) -> Array:
        return bound(chains, told[z], alpha, beta, gamma) - loss(chains, nuisance, alpha, gamma)

    def note(name: str, slacks: Sequence[Array]) -> None:
        slack = np.concatenate(slacks)
        found[f"{name}_broken"] = float((slack < -SLACK).sum())
        found[f"{name}_least"] = float(slack.min())

    def eq4(z: str) -> Array:
        return printed_gap(chains, told[z], alpha, beta) - gap(z, printed)

    def corrected(z: str) -> list[Array]:
        signs = printed, unlearn
        return [corrected_gap(chains, nuisance, told[z], alpha, beta, g) - gap(z, g) for g in signs]

    note("bound_printed", [gap("same", printed), gap("coarse", printed)])
    note("bound_class", [gap("class", printed)])
    note("bound_unlearn_same", [gap("same", unlearn)])
    note("bound_unlearn_coarse", [gap("coarse", unlearn)])
    note("gap_printed", [eq4("same"), eq4("coarse")])
    note("gap_corrected", [*corrected("same"), *corrected("coarse")])
    if "s" in known:
        note("bound_printed_s", [gap("s", printed)])
        note("bound_unlearn_s", [gap("s", unlearn)])
        note("gap_printed_s", [eq4("s")])
        note("gap_corrected_s", corrected("s"))
    held = chains.with_x()
    some = held > 1e-9
    shares = {z: gap(z, printed)[some] / held[some] for z in (*known, "coarse")}
    found["gap_share_median"] = float(np.median(shares["same"]))
    found["gap_share_upper_decile"] = float(np.quantile(shares["same"], 0.9))
    found |= {f"gap_share_{z}_median": float(np.median(share)) for z, share in shares.items() if z != "same"}
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
