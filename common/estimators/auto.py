"""One estimator for any sample: picks its method by the kind of data and by held-out scores.

Sources: the parts are ``copula``, ``correction``, ``ksg``, ``mixed_ksg``, ``discrete`` and ``classifier``.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from common.estimators.base import ArrayLike, Estimator, exact_integers
from common.estimators.classifier import Classifier
from common.estimators.copula import fit_copula
from common.estimators.correction import Correction, CorrectionFit
from common.estimators.discrete import Discrete
from common.estimators.gaussian import canonical_bases, require_rows
from common.estimators.ksg import KSG
from common.estimators.mixed_ksg import MixedKSG
from common.estimators.redundant import determines, independent_columns
from common.estimators.transforms import codes, rank_gaussian, uniform_scores

_LOW_DIMENSION = 3  # d_x + d_y up to which nearest neighbours are trusted without a judge
_ROWS_FOR_NETWORK = 1000
_GAIN = 0.01  # nats of held-out gain below which the network is not believed


@dataclass(frozen=True)
class Auto(Estimator):
    """Mutual information by the method that the data call for; see ``additional_information["method"]``.

    1. *Discrete sides.* A side with few distinct rows is a label (one for twenty rows, or for six of whole numbers).
       Both: counts with Miller-Madow's correction. One: the larger of Ross's neighbours and the classifier's held-out
       bound, for both err low. ``additional_information["labels"]`` names the sides; whole numbers that repeat and are
       yet taken as continuous are warned of.
    2. *At most three dimensions in all*: KSG on normal scores, whose error there is a few hundredths.
    3. *More*: the best elliptical copula (Gaussian or t, by likelihood), in closed form and free of its
       finite-sample bias, and on top of its log ratio a network trained on three quarters of the rows. On the rest
       both critics get their Donsker-Varadhan score; if the network gains 0.01 nats or more there, the value is the
       held-out bound plus what the copula's own fit lost between closed form and held-out rows, else the closed
       form. The gain is cross-selected between halves of the held-out rows: no maximum over snapshots is reported.
       Under 1,000 rows no network is trained, nor on fewer than two rows a column.
       Columns that others of their side determine are left out; where a column of one side is a function of the other
       the value is infinite.

    Without labels every column enters by its ranks, so strictly monotone maps of single columns change nothing. Beside
    labels columns enter as they are, standardised: ranks would close the gaps between classes that lie apart (ten of
    them in ten dimensions: 1.0 of 2.3 nats). Take heavy tails to normal scores beforehand there. Raises ValueError
    without labels on d_x + d_y + 1 rows or fewer. Bias: low where the
    network leaves something unlearnt. Cost: O(n (d_x + d_y)^2) and about a second of training at most.
    """

    bias: ClassVar[str] = "low where dependence is neither elliptical nor learnt from the rows at hand"

    seed: int = 0
    device: str = "cpu"
    steps: int = 1000

    def _validate(self, x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        return super()._validate(exact_integers(x), exact_integers(y))

    def _estimate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, Any]]:
        label_x, label_y = _label_codes(x, y)
        labels = [name for name, label in (("x", label_x), ("y", label_y)) if label is not None]
        value, info = self._by_kind(x, y, label_x, label_y)
        return value, {"labels": labels} | info

    def _by_kind(
        self, x: np.ndarray, y: np.ndarray, label_x: np.ndarray | None, label_y: np.ndarray | None
    ) -> tuple[float, dict[str, Any]]:
        if label_x is not None and label_y is not None:
            return Discrete().estimate(label_x, label_y), {"method": "discrete"}
        if label_x is not None:
            return self._with_labels(y, label_x)
        if label_y is not None:
            return self._with_labels(x, label_y)
        if x.shape[1] + y.shape[1] <= _LOW_DIMENSION:
            require_rows(len(x), x.shape[1], y.shape[1])
            k = min(KSG.k, len(x) - 1)
            return KSG(k=k, copula=True, seed=self.seed).estimate(x, y), {"method": "ksg"}
        return self._by_copula(x, y)

    def _with_labels(self, x: np.ndarray, labels: np.ndarray) -> tuple[float, dict[str, Any]]:
        values = {"mixed_ksg": MixedKSG().estimate(x, labels)}
        if len(x) >= _ROWS_FOR_NETWORK:
            values["classifier"] = Classifier(seed=self.seed, device=self.device).estimate(x, labels)
        method = max(values, key=lambda name: values[name])
        return values[method], {"method": method, "candidates": values}

    def _by_copula(self, x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, Any]]:
        x, y = independent_columns(x), independent_columns(y)
        require_rows(len(x), x.shape[1], y.shape[1])
        if determines(x, y):
            return math.inf, {"method": "copula", "candidates": {"copula": math.inf}}
        order = np.random.default_rng(self.seed).permutation(len(x))
        x, y = x[order], y[order]
        model = fit_copula(x, y)
        closed_form = model.information(len(x))
        info: dict[str, Any] = {
            "method": "copula",
            "degrees_of_freedom": model.degrees,
            "candidates": {"copula": closed_form},
        }
        if len(x) < _ROWS_FOR_NETWORK or CorrectionFit().train_rows(len(x)) < 2 * len(model.shape):
            return closed_form, info
        found = self._correct(x, y, model.degrees)
        corrected = closed_form - found.base_mean + found.bound
        info["candidates"]["correction"] = corrected
        info |= {"held_out_gain": found.gain, "held_out_bound": found.bound, "steps": found.steps}
        info |= {"curve": found.curve, "converged": found.converged}
        # What is not a number compares false: it must not pass for a gain.
        believed = np.isfinite([corrected, found.gain]).all() and found.gain >= _GAIN
        return (corrected, info | {"method": "copula+network"}) if believed else (closed_form, info)

    def _correct(self, x: np.ndarray, y: np.ndarray, degrees: float) -> Correction:
        """Fit copula and network on the leading rows, score both on the rest."""
        fit = CorrectionFit(steps=self.steps)
        train = fit.train_rows(len(x))
        model = fit_copula(x[:train], y[:train], degrees)
        scores = model.scores(uniform_scores(np.hstack([x, y])))
        put = self._tensor
        coordinates = put(scores[:, : model.d_x]), put(scores[:, model.d_x :])
        inputs = tuple(put(features) for features in _network_inputs(x, y))
        return fit.run(inputs, coordinates, model.ratio(self.device), self.seed)

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.ascontiguousarray(values), dtype=torch.float32, device=self.device)


def _label_codes(x: np.ndarray, y: np.ndarray) -> list[np.ndarray | None]:
    """Return each side's class codes (n, 1), or None where it counts as continuous; warn of doubtful whole numbers."""
    n, labels = len(x), [codes(v) for v in (x, y)]
    counts = [int(v.max()) + 1 for v in labels]
    whole = [bool((np.rint(v) == v).all()) for v in (x, y)]
    # Labels repeat: twenty rows to a symbol on average, or two symbols in a small sample, of more rows than symbols.
    taken = sure = [count <= max(2, n // 20) and count < n for count in counts]
    # Whole numbers are labels or counts: with k neighbours in a class, Ross reads counts as well as neighbours do.
    likely = [s or (w and count <= n // (MixedKSG.k + 1)) for s, w, count in zip(sure, whole, counts, strict=True)]
    if not all(likely) or counts[0] * counts[1] <= n:  # a table of more cells than rows says nothing
        taken = likely
    for name, is_label, is_whole, count in zip("xy", taken, whole, counts, strict=True):
        if is_whole and not is_label and count <= n // 2:
            warnings.warn(
                f"{name} holds {count} whole numbers in {n} rows and is taken as continuous: if they name classes, "
                "use mixed_ksg, classifier or discrete",
                stacklevel=5,
            )
    return [label[:, None] if is_label else None for label, is_label in zip(labels, taken, strict=True)]


def _network_inputs(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """Return each side's normal scores turned to canonical axes, with their radius and radius-weighted copies.

    The radius q = |v|^2 / d and v (q - 1) / (1 + q) let a small network see turns and scales that depend on it.
    """
    sides = []
    for v in canonical_bases(rank_gaussian(x), rank_gaussian(y)):
        q = (v**2).mean(1, keepdims=True)
        sides.append(np.hstack([v, q - 1, v * (q - 1) / (1 + q)]))
    return sides
