"""What a fresh classifier reads from frozen features: fitted on rows in common units, judged on rows it has not seen.

The frame that all attackers share (:mod:`common.evaluation.attackers`, :mod:`common.evaluation.battery`): each kind
says only how it is fitted to known rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from common.evaluation.accuracy import balanced_accuracy
from common.evaluation.decorrelated import decorrelated


@dataclass(frozen=True)
class Reading:
    """What one attacker reads from features, on rows that it has not seen.

    ``accuracy``: of the likeliest class. ``balanced_accuracy``: mean recall over classes, of the class likeliest under
    equal priors. ``information``: H(v) - cross-entropy in nats, below 0 where guessing the priors would have done
    better; a lower bound on I(features; v) up to the rows' noise. ``converged``: the fit ended by itself.
    """

    accuracy: float
    balanced_accuracy: float
    cross_entropy: float
    information: float
    converged: bool

    def metrics(self, prefix: str) -> dict[str, float]:
        """Return the reading as a record's metrics: accuracies in percent, the rest in nats."""
        return {
            f"{prefix}_accuracy": 100 * self.accuracy,
            f"{prefix}_balanced": 100 * self.balanced_accuracy,
            f"{prefix}_information": self.information,
            f"{prefix}_converged": float(self.converged),
        }


@dataclass(frozen=True)
class Known:
    """The rows an attacker is fitted to: ``x (n, d)`` as it sees them and the numbers ``codes (n,)`` of their classes.

    ``seed`` is for what scikit-learn draws, ``generator`` (on the CPU) for the rest; networks train on ``device``.
    """

    x: NDArray[np.float64]
    codes: NDArray[np.int64]
    seed: int
    generator: torch.Generator
    device: torch.device

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return int(self.codes.max()) + 1

    @property
    def priors(self) -> NDArray[np.float64]:
        """The share of each class (classes,)."""
        return np.bincount(self.codes) / len(self.codes)

    def some(self, share: float) -> int:
        """Return how many rows to hold back: a share of all, and at least one per class."""
        return max(round(share * len(self.codes)), self.classes)

    def split(self, share: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return rows to learn from and rows held back, with equal shares of each class."""
        rows = np.arange(len(self.x))
        return train_test_split(rows, test_size=self.some(share), random_state=self.seed, stratify=self.codes)


LogProbabilities = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # rows (n, d) to log p (n, classes)
Fit = Callable[[Known], tuple[LogProbabilities, bool]]  # and whether the fit ended by itself


def read(
    features: Tensor,
    labels: Tensor,
    unseen: Tensor,
    unseen_labels: Tensor,
    fit: Fit,
    generator: torch.Generator,
    *,
    turned: bool = False,
) -> Reading:
    """Fit a fresh attacker on ``features (n, d)`` and ``labels (n,)`` and judge it on unseen rows.

    It sees each feature in units of its own spread, or, if ``turned``, all of them in units of their principal
    directions (:mod:`common.evaluation.decorrelated`), both as the rows to fit on have them. Raises ``ValueError``
    where these hold fewer than two classes, or the unseen ones a class they lack.
    """
    classes, codes = np.unique(labels.cpu().numpy(), return_inverse=True)
    truth = unseen_labels.cpu().numpy()
    check_classes(classes, truth)
    if turned:
        rows, judged = (_array(v) for v in decorrelated(features.detach(), features.detach(), unseen.detach()))
    else:
        scaler = StandardScaler().fit(_array(features))
        rows, judged = scaler.transform(_array(features)), scaler.transform(_array(unseen))
    seed = int(torch.randint(2**31, (), generator=generator))
    known = Known(rows, codes, seed, generator, features.device)
    log_p, converged = fit(known)
    return judge(log_p(judged), np.searchsorted(classes, truth), known.priors, converged)


def check_classes(known: NDArray, unseen: NDArray) -> None:
    """Raise ``ValueError`` where there are fewer than two ``known`` classes (k,), or an unseen row (n,) of another."""
    if len(known) < 2:
        raise ValueError("an attacker needs rows of at least two classes")
    if not np.isin(unseen, known).all():
        raise ValueError("the unseen rows hold a class that the attacker was never shown")


def judge(
    log_p: NDArray[np.float64], truth: NDArray[np.int64], priors: NDArray[np.float64], converged: bool = True
) -> Reading:
    """Judge log-probabilities (n, classes) against ``truth (n,)``; ``priors`` are those of the rows fitted on."""
    shares = np.bincount(truth, minlength=log_p.shape[1]) / len(truth)
    entropy = -float(np.sum(shares[shares > 0] * np.log(shares[shares > 0])))
    loss = cross_entropy_of(log_p, truth)
    return Reading(
        accuracy=float((log_p.argmax(1) == truth).mean()),
        balanced_accuracy=balanced_accuracy(truth, (log_p - np.log(priors)).argmax(1)),
        cross_entropy=loss,
        information=entropy - loss,
        converged=converged,
    )


def cross_entropy_of(log_p: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """Return the mean cross-entropy, in nats, of log-probabilities (n, classes) on rows of the classes ``truth (n,)``.

    What a penalty or a number of neighbours is chosen by, on rows held back.
    """
    return -float(log_p[np.arange(len(truth)), truth].mean())


def _array(features: Tensor) -> NDArray[np.float64]:
    return features.detach().float().cpu().numpy().astype(np.float64)
