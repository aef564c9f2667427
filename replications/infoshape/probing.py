"""Fresh binary classifiers on codes of the two classes: how well the label reads, whatever trained the encoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from common.evaluation.probes import BinaryVerdict, ProbeSettings, fit_binary_probes, judge_binary
from common.training.progress import Progress
from replications.infoshape.sample import Sample


def probe(
    coded: Sample,
    test_share: float,
    settings: ProbeSettings,
    init: Sequence[torch.Generator],
    order: Sequence[torch.Generator],
    progress: Progress | None = None,
) -> list[BinaryVerdict]:
    """Fit a classifier per member to all but the last ``test_share`` of each class's rows; judge it on those.

    Trains where the generators of ``order`` live.
    """
    device = order[0].device
    train, test = coded.head(1 - test_share).to(device), coded.tail(test_share).to(device)
    fitted = fit_binary_probes(train.x, train.labels, settings, init, order, progress)
    with torch.no_grad():
        logits = fitted(test.x)[..., 0]
    return [judge_binary(*pair) for pair in zip(logits, test.labels[..., 0], strict=True)]
