"""A battery of fresh attackers on frozen features, and the worst of them: linear, MLP, gradient boosting, neighbours.

No single attacker bounds what features hold: a small MLP may fail where boosted trees read on, and the other way round;
and each may miss in features as they come what it finds in decorrelated ones. The battery fits each kind anew to either
form, and names the *worst* (for whoever wants the label hidden) by cross-validation on the
known rows: a maximum over readings of the test rows themselves would flatter the attacker by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from common.evaluation.attackers import Kind, MLPSettings, attack
from common.evaluation.kinds import KINDS, TURNED
from common.evaluation.reading import Known, LogProbabilities, Reading, check_classes, cross_entropy_of, read

LEAST_PROBABILITY = 1e-9  # boosted scores round to a probability of nought; one wrong row must not cost everything


@dataclass(frozen=True)
class BatterySettings:
    """How the battery is fitted: the folds of known rows that choose the worst kind, and each kind's own limits.

    Boosting stops when held-back rows have not gained for ten rounds; ``neighbours`` are chosen from by held-back
    cross-entropy, as the linear attacker's penalty is.
    """

    folds: int = 3
    mlp: MLPSettings = field(default_factory=MLPSettings)
    rounds: int = 100
    leaves: int = 15
    neighbours: tuple[int, ...] = (5, 20, 80)


@dataclass(frozen=True)
class Findings:
    """What every kind reads on unseen rows, and which kind cross-validation called the worst.

    ``chance`` is one over the classes: what any constant has as balanced accuracy. ``majority`` is the accuracy, on the
    unseen rows, of whoever guesses the commonest class of the known ones.
    """

    readings: dict[str, Reading]
    worst: str
    chance: float
    majority: float

    def metrics(self) -> dict[str, float]:
        """Return a record's metrics: each kind's reading, the worst one's, chance and majority; in percent and nats."""
        found: dict[str, float] = {"chance": 100 * self.chance, "majority": 100 * self.majority}
        for name, reading in {**self.readings, "worst": self.readings[self.worst]}.items():
            found |= reading.metrics(name)
        return found


def assail(
    features: Tensor,
    labels: Tensor,
    unseen: Tensor,
    unseen_labels: Tensor,
    *,
    generator: torch.Generator,
    kinds: Sequence[str] = KINDS,
    settings: BatterySettings | None = None,
) -> Findings:
    """Fit every kind to ``features (n, d)`` and ``labels (n,)``, judge it on unseen rows, and choose the worst.

    The choice: each kind is fitted to all but one fold of the known rows and judged on that one, and the highest mean
    balanced accuracy is the worst. The readings: each is fitted anew to all known rows and judged on the unseen ones.
    ``generator`` lives on the CPU. Raises ``ValueError`` for an unknown kind, for fewer than two classes or a class of
    very few rows, and for an unseen class that the known rows lack.
    """
    s = settings or BatterySettings()
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise ValueError(f"an attacker is one of {', '.join(KINDS)}; got {unknown[0]!r}")
    if not kinds:
        raise ValueError("a battery needs at least one attacker")
    known, truth = labels.cpu().numpy(), unseen_labels.cpu().numpy()
    classes, counts = np.unique(known, return_counts=True)
    check_classes(classes, truth)
    if counts.min() < 2 * s.folds:
        rare = classes[counts.argmin()]
        raise ValueError(f"class {rare} has {counts.min()} known rows; choosing the worst attacker takes {2 * s.folds}")
    seed = int(torch.randint(2**31, (), generator=generator))
    trial = dict.fromkeys(kinds, 0.0)
    for fold in StratifiedKFold(s.folds, shuffle=True, random_state=seed).split(known, known):
        learn, watch = (torch.from_numpy(rows).to(features.device) for rows in fold)
        for kind in kinds:
            reading = _read(kind, features[learn], labels[learn], features[watch], labels[watch], generator, s)
            trial[kind] += reading.balanced_accuracy / s.folds
    return Findings(
        {kind: _read(kind, features, labels, unseen, unseen_labels, generator, s) for kind in kinds},
        max(kinds, key=lambda kind: trial[kind]),
        1 / len(classes),
        float((truth == classes[counts.argmax()]).mean()),
    )


def _read(
    kind: str,
    features: Tensor,
    labels: Tensor,
    unseen: Tensor,
    unseen_labels: Tensor,
    generator: torch.Generator,
    s: BatterySettings,
) -> Reading:
    """Fit one kind and judge it on unseen rows."""
    rows, turned, kind = (features, labels, unseen, unseen_labels), kind.endswith(TURNED), kind.removesuffix(TURNED)
    if kind in ("linear", "mlp"):
        plain: Kind = "linear" if kind == "linear" else "mlp"
        return attack(*rows, kind=plain, generator=generator, settings=s.mlp, turned=turned)
    fit = _boosting if kind == "boosting" else _neighbours
    return read(*rows, lambda known: fit(known, s), generator, turned=turned)


def _boosting(known: Known, s: BatterySettings) -> tuple[LogProbabilities, bool]:
    """Fit boosted trees; they stop when a tenth held back has not gained for ten rounds."""
    trees = HistGradientBoostingClassifier(
        max_iter=s.rounds,
        max_leaf_nodes=s.leaves,
        early_stopping=True,
        validation_fraction=known.some(0.1),
        n_iter_no_change=10,
        random_state=known.seed,
    ).fit(known.x, known.codes)
    return lambda rows: np.log(trees.predict_proba(rows).clip(min=LEAST_PROBABILITY)), bool(trees.n_iter_ < s.rounds)


def _neighbours(known: Known, s: BatterySettings) -> tuple[LogProbabilities, bool]:
    """Fit as many nearest neighbours as read a fifth held back best, one pseudo-neighbour of the priors beside them.

    Without it a row whose neighbours lack its class would have no finite cross-entropy.
    """
    x, codes, priors = known.x, known.codes, known.priors
    learn, watch = known.split(0.2)

    def log_p(rows: NDArray[np.int64] | slice, wanted: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        nearest = KNeighborsClassifier(k).fit(x[rows], codes[rows])
        return np.log((k * nearest.predict_proba(wanted) + priors) / (k + 1))

    fitting = [k for k in s.neighbours if k <= len(learn)] or [1]
    best = min(fitting, key=lambda k: cross_entropy_of(log_p(learn, x[watch], k), codes[watch]))
    return lambda rows: log_p(slice(None), rows, best), True
