"""Donsker-Varadhan estimator with a neural critic (Belghazi et al., MINE, arXiv:1801.04062)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from common.estimators.neural import ScoreEstimator
from common.losses.contrastive import donsker_varadhan_matrix


@dataclass(frozen=True)
class DonskerVaradhan(ScoreEstimator):
    """max over T of E_P[T] - log E_Q[e^T], all product pairs of a batch in the second term.

    Bias: low (a lower bound in the population); the logarithm of a sample mean pushes up, the more so the larger
    e^MI against the pairs. Cost: ``steps`` batches through the critic.
    """

    bias: ClassVar[str] = "low; a lower bound in the population"

    def objective(self, scores: Tensor) -> Tensor:
        """Return the Donsker-Varadhan value (members,) over all product pairs of the batch."""
        return donsker_varadhan_matrix(scores)
