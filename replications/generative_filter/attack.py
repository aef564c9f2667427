"""Step 3, fresh classifiers on released codes: what somebody who knows the mechanism can still read from them.

An attacker starts when the mechanism is fixed, sees as much released data as he likes (every batch draws the
mechanism's noise anew) and trains to the end of a cosine schedule. All members of a stack are attacked at once. Where
rows are few he stops on some held back: fresh noise keeps him from learning filtered rows by heart, but not raw ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common.estimators.optimiser import FlatAdam, cosine_rate
from common.losses.classes import stacked_cross_entropy

# rows (members, batch) -> released codes (members, batch, d), the mechanism's noise drawn anew
Release = Callable[[Tensor], Tensor]
LOOKS = 100  # at the rows held back, evenly over the steps


@dataclass(frozen=True)
class Settings:
    """How an attacker is fitted: Adam, a cosine schedule over ``steps`` batches.

    ``held_back`` is the share of the training rows that he does not learn from: of the networks he passes through, that
    with the least cross-entropy on these is kept. At 0 it is the last one.
    """

    steps: int
    batch: int
    lr: float
    held_back: float = 0.0


@dataclass(frozen=True)
class Reading:
    """What attackers read on unseen rows, one number per member, means over noise draws.

    ``confusion (members, classes, classes)`` holds shares of each true class (rows) by guess; ``cross_entropy`` is in
    nats; ``scores`` are the log-probabilities of class 1 minus class 0 of the last draw where there are two classes.
    """

    accuracy: NDArray[np.float64]
    cross_entropy: NDArray[np.float64]
    confusion: NDArray[np.float64]
    scores: NDArray[np.float64] | None

    @property
    def balanced(self) -> NDArray[np.float64]:
        """Mean recall over classes: 1 / classes for a guess, whatever the priors."""
        return np.diagonal(self.confusion, axis1=1, axis2=2).mean(-1)


def fit(
    net: nn.Module, release: Release, labels: Tensor, settings: Settings, orders: Sequence[torch.Generator]
) -> None:
    """Fit a stack of classifiers to ``labels (members, n)``; ``release(rows)`` draws codes of chosen rows."""
    adam = FlatAdam(net, settings.lr)
    n = labels.shape[1]
    each = len(labels) // len(orders)
    watched, known = None, None
    if settings.held_back:
        shuffled = torch.stack([torch.randperm(n, generator=g) for g in orders])
        count = min(max(round(settings.held_back * n), 1), n - 1)
        rows, known = shuffled[:, :count].repeat_interleave(each, 0), shuffled[:, count:]
        watched = Watched(net, release(rows), labels.gather(1, rows))
        n -= count
    for step in range(settings.steps):
        drawn = torch.stack([torch.randint(n, (settings.batch,), generator=g) for g in orders])
        rows = (drawn if known is None else known.gather(1, drawn)).repeat_interleave(each, 0)
        adam.lr = cosine_rate(step, settings.steps, settings.lr)
        adam.zero_grad()
        stacked_cross_entropy(net(release(rows)), labels.gather(1, rows)).sum().backward()
        adam.step()
        if watched is not None and (step + 1) % max(settings.steps // LOOKS, 1) == 0:
            watched.look()
    if watched is not None:
        watched.restore()


class Watched:
    """Rows held back, one draw of ``codes (members, rows, d)``: keeps each member's network that reads them best."""

    def __init__(self, net: nn.Module, codes: Tensor, labels: Tensor) -> None:
        self.net, self.codes, self.labels = net, codes, labels
        self.best = torch.full((len(labels),), float("inf"))
        self.kept = [p.detach().clone() for p in net.parameters()]

    @torch.no_grad()
    def look(self) -> None:
        """Judge every member's network as it is now."""
        loss = stacked_cross_entropy(self.net(self.codes), self.labels)
        better = loss < self.best
        self.best = torch.where(better, loss, self.best)
        for kept, p in zip(self.kept, self.net.parameters(), strict=True):
            kept[better] = p[better]

    @torch.no_grad()
    def restore(self) -> None:
        """Give every member the network that was kept for it."""
        for kept, p in zip(self.kept, self.net.parameters(), strict=True):
            p.copy_(kept)


@torch.no_grad()
def judge(net: nn.Module, draws: Sequence[Tensor], labels: Tensor, classes: int) -> Reading:
    """Judge classifiers on ``draws`` of the released unseen codes (members, n, d) with ``labels (members, n)``."""
    confusion = torch.zeros(len(labels), classes, classes, dtype=torch.float64)
    loss = torch.zeros(len(labels), dtype=torch.float64)
    accuracy = torch.zeros(len(labels), dtype=torch.float64)
    for codes in draws:
        logits = torch.cat([net(part) for part in codes.split(1000, 1)], 1).float()
        loss += stacked_cross_entropy(logits, labels).double()
        guess = logits.argmax(-1)
        accuracy += (guess == labels).double().mean(-1)
        pairs = labels * classes + guess
        counts = torch.stack([torch.bincount(row, minlength=classes**2) for row in pairs])
        confusion += counts.view(-1, classes, classes).double()
    confusion /= confusion.sum(-1, keepdim=True).clamp(min=1)
    scores = (logits[..., 1] - logits[..., 0]).numpy() if classes == 2 else None
    return Reading((accuracy / len(draws)).numpy(), (loss / len(draws)).numpy(), confusion.numpy(), scores)


def entropy(labels: Tensor, classes: int) -> float:
    """Return the plug-in entropy in nats of ``labels (n,)``."""
    shares = torch.bincount(labels, minlength=classes).double() / len(labels)
    return float(torch.special.entr(shares).sum())


def boosted(
    train: Tensor, labels: Tensor, test: Tensor, truth: Tensor, rounds: int, seed: int
) -> tuple[float, float, float, float]:
    """Return accuracy, balanced accuracy, hard AUROC and score AUROC of gradient boosting on one member's codes.

    The areas are NaN where there are more than two classes.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score

    model = HistGradientBoostingClassifier(max_iter=rounds, early_stopping=False, random_state=seed)
    model.fit(train.numpy(), labels.numpy())
    guess, true = model.predict(test.numpy()), truth.numpy()
    hard = scored = float("nan")
    if len(model.classes_) == 2:
        hard, scored = roc_auc_score(true, guess), roc_auc_score(true, model.predict_proba(test.numpy())[:, 1])
    return float((guess == true).mean()), float(balanced_accuracy_score(true, guess)), float(hard), float(scored)
