"""Honest attackers: fresh classifiers of any number of classes, fitted to convergence on frozen features.

What a head that trained along with its encoder reads is no bound on what the features hold: the encoder ran away from
that very head. An attacker starts when the encoder has stopped. Both kinds are fitted on standardised features and
judged on rows they have not seen: accuracy, balanced accuracy, and the information that their cross-entropy proves.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from common.evaluation.accuracy import balanced_accuracy
from common.models.initial import build

Kind = Literal["linear", "mlp"]
STRENGTHS = (1.0, 0.03, 0.001)  # inverse penalties that the linear attacker chooses from
MOST_ITERATIONS = 2000
LogProbabilities = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class MLPSettings:
    """How the MLP is fitted: Adam on mini-batches, the epoch of the least held-back cross-entropy is kept.

    A fall of less than ``gain`` nats is none: on features that give the label away it would go on for ever.
    """

    hidden: int = 256
    lr: float = 1e-3
    batch: int = 256
    held_back: float = 0.1
    patience: int = 10
    gain: float = 1e-4
    most_epochs: int = 300


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


def attack(
    features: Tensor,
    labels: Tensor,
    unseen: Tensor,
    unseen_labels: Tensor,
    *,
    kind: Kind,
    generator: torch.Generator,
    settings: MLPSettings | None = None,
) -> Reading:
    """Fit a fresh attacker on ``features (n, d)`` and ``labels (n,)`` and judge it on unseen rows.

    ``generator`` lives on the CPU; the MLP trains where the features are. Raises ``ValueError`` where the rows to fit
    on hold fewer than two classes, or the unseen ones a class that they lack.
    """
    classes, codes = np.unique(labels.cpu().numpy(), return_inverse=True)
    truth = unseen_labels.cpu().numpy()
    if len(classes) < 2:
        raise ValueError("an attacker needs rows of at least two classes")
    if not np.isin(truth, classes).all():
        raise ValueError("the unseen rows hold a class that the attacker was never shown")
    scaler = StandardScaler().fit(_array(features))
    x, fresh = scaler.transform(_array(features)), scaler.transform(_array(unseen))
    s = settings or MLPSettings()
    seed = int(torch.randint(2**31, (), generator=generator))
    some = max(round(s.held_back * len(x)), len(classes))
    learn, watch = train_test_split(np.arange(len(x)), test_size=some, random_state=seed, stratify=codes)
    if kind == "linear":
        log_p, converged = _linear(x, codes, learn, watch)
    elif kind == "mlp":
        log_p, converged = _mlp(x, codes, learn, watch, s, generator, features.device)
    else:
        raise ValueError(f"an attacker is linear or mlp; got {kind!r}")
    return judge(log_p(fresh), np.searchsorted(classes, truth), np.bincount(codes) / len(codes), converged)


def judge(
    log_p: NDArray[np.float64], truth: NDArray[np.int64], priors: NDArray[np.float64], converged: bool = True
) -> Reading:
    """Judge log-probabilities (n, classes) against ``truth (n,)``; ``priors`` are those of the rows fitted on."""
    shares = np.bincount(truth, minlength=log_p.shape[1]) / len(truth)
    entropy = -float(np.sum(shares[shares > 0] * np.log(shares[shares > 0])))
    loss = -float(log_p[np.arange(len(truth)), truth].mean())
    return Reading(
        accuracy=float((log_p.argmax(1) == truth).mean()),
        balanced_accuracy=balanced_accuracy(truth, (log_p - np.log(priors)).argmax(1)),
        cross_entropy=loss,
        information=entropy - loss,
        converged=converged,
    )


def _array(features: Tensor) -> NDArray[np.float64]:
    return features.detach().float().cpu().numpy().astype(np.float64)


def _linear(
    x: NDArray[np.float64], codes: NDArray[np.int64], learn: NDArray[np.int64], watch: NDArray[np.int64]
) -> tuple[LogProbabilities, bool]:
    """Fit multinomial logistic regression by L-BFGS, with the penalty that reads the rows held back best."""

    def fit(rows: NDArray[np.int64] | slice, strength: float) -> LogisticRegression:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # said by the reading's own field
            return LogisticRegression(C=strength, max_iter=MOST_ITERATIONS).fit(x[rows], codes[rows])

    def held_back(strength: float) -> float:
        log_p = _log_probabilities(fit(learn, strength), x[watch])
        return -float(log_p[np.arange(len(watch)), codes[watch]].mean())

    model = fit(slice(None), min(STRENGTHS, key=held_back))
    return lambda rows: _log_probabilities(model, rows), bool(model.n_iter_.max() < MOST_ITERATIONS)


def _log_probabilities(model: LogisticRegression, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log p (n, classes) from the scores: scikit-learn's own takes the logarithm of rounded noughts."""
    scores = model.decision_function(rows)
    return log_softmax(scores if scores.ndim == 2 else np.stack([np.zeros_like(scores), scores], axis=1), axis=1)


def _mlp(
    x: NDArray[np.float64],
    codes: NDArray[np.int64],
    learn: NDArray[np.int64],
    watch: NDArray[np.int64],
    s: MLPSettings,
    generator: torch.Generator,
    device: torch.device,
) -> tuple[LogProbabilities, bool]:
    """Fit one hidden layer; stop when the held-back cross-entropy has not fallen for ``patience`` epochs."""
    classes = int(codes.max()) + 1
    inputs, wanted = torch.as_tensor(x, dtype=torch.float32, device=device), torch.as_tensor(codes, device=device)
    learn_x, learn_v, watch_x, watch_v = inputs[learn], wanted[learn], inputs[watch], wanted[watch]
    net = build(
        lambda: nn.Sequential(nn.Linear(x.shape[1], s.hidden), nn.ReLU(), nn.Linear(s.hidden, classes)), generator
    )
    net.to(device)
    adam = torch.optim.Adam(net.parameters(), lr=s.lr)
    best, kept, bad = float("inf"), copy.deepcopy(net.state_dict()), 0
    for _ in range(s.most_epochs):
        for rows in torch.randperm(len(learn), generator=generator).to(device).split(s.batch):
            loss = cross_entropy(net(learn_x[rows]), learn_v[rows])
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
        with torch.no_grad():
            now = float(cross_entropy(net(watch_x), watch_v))
        bad = 0 if now < best - s.gain else bad + 1
        if bad == 0:
            best, kept = now, copy.deepcopy(net.state_dict())
        if bad >= s.patience:
            break
    net.load_state_dict(kept)

    @torch.no_grad()
    def log_p(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        logits = net(torch.as_tensor(rows, dtype=torch.float32, device=device)).double()
        return torch.log_softmax(logits, 1).cpu().numpy()

    return log_p, bad >= s.patience
