"""InfoNCE with a neural critic (van den Oord et al., arXiv:1807.03748)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from common.estimators.neural import ScoreEstimator
from common.losses.contrastive import infonce


@dataclass(frozen=True)
class InfoNCE(ScoreEstimator):
    """max over T of E[T(x_i, y_i) - log mean_j e^T(x_i, y_j)], K = rows compared.

    Bias: low, at most log K: ``batch`` rows while training and where the fit is valued all held-out rows of a half, or
    equal blocks of 1,024 to 2,047 of them, so no more than 7.6 nats can show. Low variance. Cost: ``steps`` batches
    through the critic.
    """

    bias: ClassVar[str] = "low; at most log of the rows compared"

    def objective(self, scores: Tensor) -> Tensor:
        """Return InfoNCE (members,) of the batch."""
        return infonce(scores)
