"""Honest attackers: fresh classifiers of any number of classes, fitted to convergence on frozen features.

What a head that trained along with its encoder reads is no bound on what the features hold: the encoder ran away from
that very head. An attacker starts when the encoder has stopped. Both kinds are judged on rows they have not seen:
accuracy, balanced accuracy, and the information that their cross-entropy proves.
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from common.evaluation.reading import Known, LogProbabilities, Reading, cross_entropy_of, read
from common.models.initial import build

Kind = Literal["linear", "mlp"]
STRENGTHS = (1.0, 0.03, 0.001)  # inverse penalties that the linear attacker chooses from
MOST_ITERATIONS = 2000


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


def attack(
    features: Tensor,
    labels: Tensor,
    unseen: Tensor,
    unseen_labels: Tensor,
    *,
    kind: Kind,
    generator: torch.Generator,
    settings: MLPSettings | None = None,
    turned: bool = False,
) -> Reading:
    """Fit a fresh attacker on ``features (n, d)`` and ``labels (n,)`` and judge it on unseen rows.

    If ``turned`` it reads decorrelated features. ``generator`` lives on the CPU; the MLP trains where the features are.
    Raises ``ValueError`` for another kind, and as :func:`common.evaluation.reading.read` does.
    """
    s = settings or MLPSettings()
    fits = {"linear": _linear, "mlp": _mlp}
    if kind not in fits:
        raise ValueError(f"an attacker is linear or mlp; got {kind!r}")
    return read(features, labels, unseen, unseen_labels, lambda known: fits[kind](known, s), generator, turned=turned)


def _linear(known: Known, s: MLPSettings) -> tuple[LogProbabilities, bool]:
    """Fit multinomial logistic regression by L-BFGS, with the penalty that reads the rows held back best."""
    x, codes = known.x, known.codes
    learn, watch = known.split(s.held_back)

    def fit(rows: NDArray[np.int64] | slice, strength: float) -> LogisticRegression:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # said by the reading's own field
            return LogisticRegression(C=strength, max_iter=MOST_ITERATIONS).fit(x[rows], codes[rows])

    def held_back(strength: float) -> float:
        return cross_entropy_of(_log_probabilities(fit(learn, strength), x[watch]), codes[watch])

    model = fit(slice(None), min(STRENGTHS, key=held_back))
    return lambda rows: _log_probabilities(model, rows), bool(model.n_iter_.max() < MOST_ITERATIONS)


def _log_probabilities(model: LogisticRegression, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log p (n, classes) from the scores: scikit-learn's own takes the logarithm of rounded noughts."""
    scores = model.decision_function(rows)
    return log_softmax(scores if scores.ndim == 2 else np.stack([np.zeros_like(scores), scores], axis=1), axis=1)


def _mlp(known: Known, s: MLPSettings) -> tuple[LogProbabilities, bool]:
    """Fit one hidden layer; stop when the held-back cross-entropy has not fallen for ``patience`` epochs."""
    device, generator, width = known.device, known.generator, known.x.shape[1]
    learn, watch = known.split(s.held_back)
    inputs = torch.as_tensor(known.x, dtype=torch.float32, device=device)
    wanted = torch.as_tensor(known.codes, device=device)
    learn_x, learn_v, watch_x, watch_v = inputs[learn], wanted[learn], inputs[watch], wanted[watch]
    net = build(
        lambda: nn.Sequential(nn.Linear(width, s.hidden), nn.ReLU(), nn.Linear(s.hidden, known.classes)), generator
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
