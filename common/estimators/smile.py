"""SMILE (Song & Ermon, *Understanding the limitations of variational MI estimators*, arXiv:1910.06222)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from common.estimators.neural import ScoreEstimator
from common.losses.contrastive import joint_scores, marginal_scores
from common.losses.density_ratio import jensen_shannon, smile


@dataclass(frozen=True)
class SMILE(ScoreEstimator):
    """E_P[T] - log E_Q[e^clamp(T, -clip, clip)] at a critic T trained by the Jensen-Shannon objective.

    Bias: either sign; the clamp trades variance e^MI for e^(2 clip) and lets the value pass the truth where the log
    ratio leaves the window. ``clip`` = inf is ``js``. Cost: ``steps`` batches through the critic.
    """

    bias: ClassVar[str] = "either sign; high where the log ratio leaves the clip"

    clip: float = 5.0

    def objective(self, scores: Tensor) -> Tensor:
        """Return the Jensen-Shannon objective, which trains the critic towards the log ratio."""
        return jensen_shannon(joint_scores(scores), marginal_scores(scores))

    def value(self, scores: Tensor) -> Tensor:
        """Return the clipped Donsker-Varadhan value."""
        return smile(joint_scores(scores), marginal_scores(scores), self.clip)
