"""The bound of Nguyen, Wainwright & Jordan (arXiv:0809.0853) with a neural critic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from common.estimators.neural import ScoreEstimator
from common.losses.contrastive import joint_scores, marginal_scores
from common.losses.density_ratio import nwj


@dataclass(frozen=True)
class NWJ(ScoreEstimator):
    """max over T of E_P[T] - E_Q[e^(T - 1)].

    Bias: low (a lower bound in expectation, on samples too); variance grows like e^MI / pairs. Cost: ``steps``
    batches through the critic.
    """

    bias: ClassVar[str] = "low; a lower bound in expectation"

    def objective(self, scores: Tensor) -> Tensor:
        """Return NWJ's bound (members,) over all product pairs of the batch."""
        return nwj(joint_scores(scores), marginal_scores(scores))
