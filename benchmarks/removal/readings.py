"""What figure and table share: names and order of grounds and methods, and the readings by strength from records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.evaluation.kinds import TURNED
from common.results import Record

GROUNDS = {
    "adult": ("Adult: sex hidden, income kept", "sex", "income"),
    "biased_mnist": ("Biased MNIST (ρ = 0.9): colour hidden, digit kept", "colour", "digit"),
    "celeba": ("CelebA: gender hidden, smile kept", "gender", "smile"),
}
METHODS = {
    "none": "none: the task alone",
    "irene": "IRENE, γ",
    "infoshape": "InfoShape against I(X;Z), λ",
    "infoshape_attribute": "InfoShape against I(Z;S) (ours), λ",
    "generative_filter": "generative filter, b",
    "attribute_unlearning": "attribute unlearning, λ3",
    "sliced_infomin": "sliced infomin, β",
}
_PLAIN = {"linear": "linear", "mlp": "MLP", "boosting": "boosting", "knn": "kNN"}
ATTACKERS = _PLAIN | {name + TURNED: f"{label} decorrelated" for name, label in _PLAIN.items()}


@dataclass(frozen=True)
class Frontier:
    """One method on one ground: its strengths in rising order, and the records that read them."""

    ground: str
    method: str
    strengths: tuple[str, ...]
    records: tuple[Record, ...]

    def values(self, metric: str, strength: str) -> NDArray[np.float64]:
        """Return ``metric`` over the seeds that have it."""
        return np.array(
            [r.metrics[f"{metric}_{strength}"] for r in self.records if f"{metric}_{strength}" in r.metrics]
        )

    def worst(self, strength: str) -> str:
        """Return the attackers that were called the worst, the most frequent first."""
        found = [name for record in self.records for name in _chosen(record.metrics, strength)[:1]]
        return ", ".join(ATTACKERS[name] for name in sorted(set(found), key=lambda n: (-found.count(n), n)))


def _chosen(metrics: Mapping[str, float], strength: str) -> list[str]:
    """Return the attackers whose whole reading is the worst one's."""
    parts = ("balanced", "accuracy", "information")
    return [
        name
        for name in ATTACKERS
        if f"worst_balanced_{strength}" in metrics
        and all(metrics[f"{name}_{part}_{strength}"] == metrics[f"worst_{part}_{strength}"] for part in parts)
    ]


def frontiers(records: Sequence[Record]) -> list[Frontier]:
    """Return every method on every ground of the evaluation's records, in the order of GROUNDS and METHODS."""
    found = []
    for ground in GROUNDS:
        for method in METHODS:
            own = tuple(r for r in records if r.experiment == f"{ground}_attack" and r.variant == method)
            mark = "worst_balanced_"
            names = {key.removeprefix(mark) for r in own for key in r.metrics if key.startswith(mark)}
            if names:
                found.append(Frontier(ground, method, tuple(sorted(names, key=float)), own))
    return found
