"""A battery of fresh attackers on frozen features, and the worst of them: linear, MLP, gradient boosting, neighbours.

No single attacker bounds what features hold: a small MLP may fail where boosted trees read on, and the other way round.
The battery fits each kind anew, and names the *worst* (for whoever wants the label hidden) by cross-validation on the
known rows: a maximum over readings of the test rows themselves would flatter the attacker by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from common.evaluation.attackers import MLPSettings, Reading, attack, judge

KINDS = ("linear", "mlp", "boosting", "knn")
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
    _check(classes, counts, truth, 2 * s.folds)
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


def _check(classes: NDArray, counts: NDArray, truth: NDArray, least: int) -> None:
    if len(classes) < 2:
        raise ValueError("an attacker needs rows of at least two classes")
    if counts.min() < least:
        rare = classes[counts.argmin()]
        raise ValueError(f"class {rare} has {counts.min()} known rows; choosing the worst attacker takes {least}")
    if not np.isin(truth, classes).all():
        raise ValueError("the unseen rows hold a class that the attacker was never shown")


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
    if kind in ("linear", "mlp"):
        return attack(features, labels, unseen, unseen_labels, kind=kind, generator=generator, settings=s.mlp)
    classes, codes = np.unique(labels.cpu().numpy(), return_inverse=True)
    scaler = StandardScaler().fit(_array(features))
    x, fresh = scaler.transform(_array(features)), scaler.transform(_array(unseen))
    seed = int(torch.randint(2**31, (), generator=generator))
    priors = np.bincount(codes) / len(codes)
    if kind == "boosting":
        log_p, converged = _boosting(x, codes, fresh, seed, s)
    else:
        log_p, converged = _neighbours(x, codes, fresh, priors, seed, s), True
    return judge(log_p, np.searchsorted(classes, unseen_labels.cpu().numpy()), priors, converged)


def _array(features: Tensor) -> NDArray[np.float64]:
    return features.detach().float().cpu().numpy().astype(np.float64)


def _some(share: float, codes: NDArray[np.int64]) -> int:
    """Return how many rows to hold back: a share of all, and at least one per class."""
    return max(round(share * len(codes)), int(codes.max()) + 1)


def _boosting(
    x: NDArray[np.float64], codes: NDArray[np.int64], fresh: NDArray[np.float64], seed: int, s: BatterySettings
) -> tuple[NDArray[np.float64], bool]:
    """Return log p (rows, classes) of boosted trees, and whether they stopped by themselves."""
    trees = HistGradientBoostingClassifier(
        max_iter=s.rounds,
        max_leaf_nodes=s.leaves,
        early_stopping=True,
        validation_fraction=_some(0.1, codes),
        n_iter_no_change=10,
        random_state=seed,
    ).fit(x, codes)
    return np.log(trees.predict_proba(fresh).clip(min=LEAST_PROBABILITY)), bool(trees.n_iter_ < s.rounds)


def _neighbours(
    x: NDArray[np.float64],
    codes: NDArray[np.int64],
    fresh: NDArray[np.float64],
    priors: NDArray[np.float64],
    seed: int,
    s: BatterySettings,
) -> NDArray[np.float64]:
    """Return log p (rows, classes) of the nearest neighbours' shares, one pseudo-neighbour of the priors beside them.

    Without it a row whose neighbours lack its class would have no finite cross-entropy.
    """

    def log_p(rows: NDArray[np.int64] | slice, wanted: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        nearest = KNeighborsClassifier(k).fit(x[rows], codes[rows])
        return np.log((k * nearest.predict_proba(wanted) + priors) / (k + 1))

    some = _some(0.2, codes)
    learn, watch = train_test_split(np.arange(len(x)), test_size=some, random_state=seed, stratify=codes)

    def held_back(k: int) -> float:
        return -float(log_p(learn, x[watch], k)[np.arange(len(watch)), codes[watch]].mean())

    fitting = [k for k in s.neighbours if k <= len(learn)] or [1]
    return log_p(slice(None), fresh, min(fitting, key=held_back))
