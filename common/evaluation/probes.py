"""Fresh probes on frozen features: what somebody who holds the representation can read from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from common.estimators.pairs import take_rows
from common.models.stacked import StackedMLP
from common.training.progress import Progress


@dataclass(frozen=True)
class ProbeSettings:
    """How a probe is trained: SGD with momentum on the mean loss, one pass per epoch, remainder rows dropped."""

    hidden: tuple[int, ...]
    batch: int
    epochs: int
    lr: float
    momentum: float = 0.9


def fit_binary_probes(
    features: Tensor,
    labels: Tensor,
    settings: ProbeSettings,
    init: Sequence[torch.Generator],
    order: Sequence[torch.Generator],
    progress: Progress | None = None,
) -> StackedMLP:
    """Train one ReLU probe per member on ``features (members, n, d)`` and 0/1 ``labels (members, n, 1)``.

    Raises ValueError where a batch does not fit the rows.
    """
    members, rows, width = features.shape
    if not 1 <= settings.batch <= rows:
        raise ValueError(f"probe batch of {settings.batch} does not fit {rows} rows")
    probe = StackedMLP([width, *settings.hidden, 1], init).to(features.device)
    sgd = torch.optim.SGD(probe.parameters(), lr=settings.lr, momentum=settings.momentum)
    batches = rows // settings.batch
    for _ in range(settings.epochs):
        shuffled = torch.stack([torch.randperm(rows, generator=g, device=features.device) for g in order])
        x, y = take_rows(features, shuffled), take_rows(labels, shuffled)
        for start in range(0, batches * settings.batch, settings.batch):
            part = slice(start, start + settings.batch)
            losses = binary_cross_entropy_with_logits(probe(x[:, part]), y[:, part], reduction="none")
            sgd.zero_grad(set_to_none=True)
            losses.mean((1, 2)).sum().backward()  # members share no parameter
            sgd.step()
        if progress:
            progress.advance(members)
    return probe


@dataclass(frozen=True)
class BinaryVerdict:
    """One member's probe on held-out rows: area under the ROC, cross-entropy in nats, accuracy, and the ROC itself."""

    auc: float
    cross_entropy: float
    accuracy: float
    false_positives: list[float]
    true_positives: list[float]


def judge_binary(logits: Tensor, labels: Tensor, points: int = 101) -> BinaryVerdict:
    """Judge held-out ``logits (n,)`` against 0/1 ``labels (n,)``; the ROC is read at ``points`` even rates."""
    import numpy as np
    from sklearn.metrics import roc_auc_score, roc_curve

    scores, truth = logits.double().cpu().numpy(), labels.cpu().numpy().astype(int)
    false, true, _ = roc_curve(truth, scores)
    grid = np.linspace(0, 1, points)
    return BinaryVerdict(
        auc=float(roc_auc_score(truth, scores)),
        cross_entropy=float(binary_cross_entropy_with_logits(logits.double(), labels.double())),
        accuracy=float(((scores > 0) == truth).mean()),
        false_positives=[round(float(v), 4) for v in grid],
        true_positives=[round(float(v), 5) for v in np.interp(grid, false, true)],
    )
