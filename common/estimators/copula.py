"""Gaussian and Student-t copulas: parametric log density ratios, and the estimator that rests on them.

Sources: Ma & Sun, *Mutual information is copula entropy* (arXiv:0808.0845); Demarta & McNeil, *The t copula and
related copulas* (2005); Arellano-Valle, Contreras-Reyes & Genton (2013) for the information of a multivariate t.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import digamma, gammaln, ndtri, stdtrit
from torch import Tensor

from common.estimators.base import Estimator
from common.estimators.gaussian import require_rows, wishart_bias
from common.estimators.redundant import determines, independent_columns
from common.estimators.transforms import uniform_scores

_FEW = 10  # values of a column from which on ties no longer pass for tails (independent columns of n = 2,000)
_SINGLE = 1e5  # condition of the correlations up to which fp32 leaves a ratio two digits after the point


@dataclass(frozen=True)
class TCopula(Estimator):
    """Information of the best-fitting elliptical copula: degrees of freedom by likelihood, infinity = Gaussian.

    I = -1/2 ln(|R| / |R_x||R_y|) + c(nu), where c(nu) > 0 is shared scale alone (it stays where R is the identity).
    Columns enter by their ranks, so any strictly monotone map of them changes nothing; those that others of their side
    determine are left out. ``degrees`` fixes nu. Infinite where a column of one side is a function of the other, as
    ``gaussian``; raises ValueError unless n > d_x + d_y + 1. Bias: near 0 where the copula is elliptical, else mostly
    low; high where columns hold few values, whose ties pass for shared tails: two independent binary columns read 0.5
    nats at n = 2,000, three values 0.3, five 0.06, ten 0. A ``UserWarning`` says so. Cost: O(n (d_x + d_y)^2), dozens
    of times where tails are shared.
    """

    bias: ClassVar[str] = "near 0 for elliptical copulas, else mostly low; high where columns hold few values"

    degrees: float | None = None

    def _estimate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, Any]]:
        if self.degrees is not None and not self.degrees > 0:
            raise ValueError(f"degrees of freedom must be positive, got {self.degrees}")
        x, y = independent_columns(x), independent_columns(y)
        require_rows(len(x), x.shape[1], y.shape[1])
        if not x.shape[1] or not y.shape[1]:
            return 0.0, {"degrees_of_freedom": math.inf}
        if determines(x, y):
            return math.inf, {"degrees_of_freedom": math.inf}
        model = fit_copula(x, y, self.degrees)
        if not math.isinf(model.degrees) and _few_values(np.hstack([x, y])) >= 2:
            warnings.warn(
                f"t_copula read the ties of columns of fewer than {_FEW} values as tails they share "
                f"({model.degrees:.2g} degrees of freedom), and is high: take discrete, mixed_ksg or auto",
                stacklevel=4,
            )
        return model.information(len(x)), {"degrees_of_freedom": model.degrees}


def _few_values(columns: np.ndarray) -> int:
    """Return how many columns (n, d) hold so few values that ranks, all ties, tell of no tail."""
    return sum(len(np.unique(column)) < min(_FEW, len(column)) for column in columns.T)


@dataclass(frozen=True)
class EllipticalCopula:
    """A fitted copula of the scores (x, y): correlation ``shape`` (d, d) and ``degrees`` of freedom.

    ``log_likelihood`` is the mean log copula density in nats over the rows it was fitted on.
    """

    shape: np.ndarray
    degrees: float
    d_x: int
    log_likelihood: float

    def information(self, n: int) -> float:
        """Return the mutual information in nats, less the bias that n rows leave in the correlations."""
        d, d_y = len(self.shape), len(self.shape) - self.d_x
        value = 0.5 * (_log_det(self.shape[: self.d_x, : self.d_x]) + _log_det(self.shape[self.d_x :, self.d_x :]))
        value -= 0.5 * _log_det(self.shape) + wishart_bias(n, self.d_x, d_y)
        if math.isinf(self.degrees):
            return value
        nu = self.degrees
        return value + _t_entropy(self.d_x, nu) + _t_entropy(d_y, nu) - _t_entropy(d, nu)

    def scores(self, uniforms: np.ndarray) -> np.ndarray:
        """Return the copula's own coordinates of columns of uniform scores (n, d)."""
        return _quantiles(uniforms, self.degrees)

    def ratio(self, device: torch.device | str = "cpu") -> LogRatio:
        """Return the log density ratio ln p(x, y) / p(x) p(y) of these coordinates as a function of tensors."""
        return LogRatio(self.shape, self.degrees, self.d_x, device)


class LogRatio:
    """ln p(x, y) / p(x) p(y) of an elliptical law for all pairs of rows, in two matrix products.

    The joint form q(x, y) = x'Ax + 2 x'By + y'Cy splits into terms of x, of y and a bilinear one; p is Gaussian
    (ratio = (q_x + q_y - q) / 2 + constant) or Student t (logarithms of 1 + q / nu). Ratios are fp32; near copies are
    worked out in float64, for their precisions are large and all but cancel.
    """

    def __init__(self, shape: np.ndarray, degrees: float, d_x: int, device: torch.device | str = "cpu") -> None:
        dtype = torch.float64 if np.linalg.cond(shape) > _SINGLE else torch.float32
        precision = np.linalg.inv(shape)
        parts = (np.linalg.inv(shape[:d_x, :d_x]), np.linalg.inv(shape[d_x:, d_x:]))

        def put(matrix: np.ndarray) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(matrix), dtype=dtype, device=device)

        self.own = put(parts[0]), put(parts[1])
        self.joint = put(precision[:d_x, :d_x]), put(precision[d_x:, d_x:])
        self.cross = put(2 * precision[:d_x, d_x:])
        self.nu, self.d_x, self.d_y = degrees, d_x, len(shape) - d_x
        logs = _log_det(shape[:d_x, :d_x]) + _log_det(shape[d_x:, d_x:]) - _log_det(shape)
        self.constant = 0.5 * logs
        if not math.isinf(degrees):
            d = len(shape)
            self.constant += float(
                gammaln((degrees + d) / 2) + gammaln(degrees / 2)
                - gammaln((degrees + self.d_x) / 2) - gammaln((degrees + self.d_y) / 2)
            )  # fmt: skip

    def terms(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return what :meth:`pairs` and :meth:`matrix` need of rows x (..., n, d_x), y: forms and the mapped x."""

        x, y = x.to(self.cross.dtype), y.to(self.cross.dtype)

        def form(v: Tensor, matrix: Tensor) -> Tensor:
            return ((v @ matrix) * v).sum(-1)

        own = form(x, self.own[0]), form(y, self.own[1])
        joint = form(x, self.joint[0]), form(y, self.joint[1])
        if math.isinf(self.nu):
            side_x, side_y = 0.5 * (own[0] - joint[0]) + self.constant, 0.5 * (own[1] - joint[1])
        else:
            side_x = 0.5 * (self.nu + self.d_x) * torch.log1p(own[0] / self.nu) + self.constant
            side_y = 0.5 * (self.nu + self.d_y) * torch.log1p(own[1] / self.nu)
        return side_x, side_y, joint[0], joint[1], x @ self.cross

    def pairs(self, terms: tuple[Tensor, ...], y: Tensor) -> Tensor:
        """Return the ratio of row i of x with row i of y, (..., n)."""
        side_x, side_y, joint_x, joint_y, mapped = terms
        return (side_x + side_y + self._coupling((mapped * y).sum(-1), joint_x, joint_y)).float()

    def matrix(self, terms: tuple[Tensor, ...], y: Tensor) -> Tensor:
        """Return the ratio of every row of x with every row of y, (..., n_x, n_y)."""
        side_x, side_y, joint_x, joint_y, mapped = terms
        cross = mapped @ y.to(mapped.dtype).mT
        coupling = self._coupling(cross, joint_x[..., :, None], joint_y[..., None, :])
        return (coupling + side_x[..., :, None] + side_y[..., None, :]).float()

    def _coupling(self, cross: Tensor, joint_x: Tensor, joint_y: Tensor) -> Tensor:
        if math.isinf(self.nu):
            return -0.5 * cross
        q = ((cross + joint_x) + joint_y).clamp_min(0)
        return -0.5 * (self.nu + self.d_x + self.d_y) * torch.log1p(q / self.nu)


def fit_copula(x: np.ndarray, y: np.ndarray, degrees: float | None = None) -> EllipticalCopula:
    """Fit an elliptical copula to the ranks of ``x`` (n, d_x) and ``y`` (n, d_y), degrees of freedom by likelihood.

    A Gaussian that beats 20 degrees is kept: the likelihood has one peak in 1 / nu. Else 1 / nu is searched in
    (0, 2]. Columns of a side must not determine each other. Raises ValueError unless n > d_x + d_y + 1.
    """
    require_rows(len(x), x.shape[1], y.shape[1])
    uniforms, d_x = uniform_scores(np.hstack([x, y])), x.shape[1]
    if degrees is not None:
        return _fit_degrees(uniforms, degrees, d_x)
    best = _fit_degrees(uniforms, math.inf, d_x)
    if _fit_degrees(uniforms, 20.0, d_x).log_likelihood <= best.log_likelihood:
        return best
    thinned = uniforms[:: max(1, uniforms.size // 50_000)]  # the search needs the peak's place, not the last digit

    def loss(inverse: float) -> float:
        return -_fit_degrees(thinned, 1 / inverse, d_x, len(uniforms)).log_likelihood

    found = minimize_scalar(loss, bounds=(1e-3, 2.0), method="bounded", options={"xatol": 1e-3})
    return _fit_degrees(uniforms, 1 / found.x, d_x)


def _fit_degrees(
    uniforms: np.ndarray, nu: float, d_x: int, table_rows: int | None = None, rounds: int = 5
) -> EllipticalCopula:
    """Fit the correlations at given degrees; ``table_rows``: size of the sample that the scores were made from."""
    z = _quantiles(uniforms, nu, table_rows)
    d = z.shape[1]
    shape = _correlation(_quantiles(uniforms, math.inf, table_rows))
    if not math.isinf(nu):
        for _ in range(rounds):  # expectation-maximisation: rows far out count less
            shape = _correlation(z * np.sqrt((nu + d) / (nu + _mahalanobis(z, shape)))[:, None])
    q = _mahalanobis(z, shape)
    log_joint = -0.5 * _log_det(shape)
    if math.isinf(nu):
        value = log_joint - 0.5 * (q - (z**2).sum(1)).mean()
    else:
        constant = gammaln((nu + d) / 2) + (d - 1) * gammaln(nu / 2) - d * gammaln((nu + 1) / 2)
        tails = 0.5 * (nu + 1) * np.log1p(z**2 / nu).sum(1) - 0.5 * (nu + d) * np.log1p(q / nu)
        value = log_joint + constant + tails.mean()
    return EllipticalCopula(shape, nu, d_x, float(value))


def _quantiles(uniforms: np.ndarray, nu: float, table_rows: int | None = None) -> np.ndarray:
    """Return t_nu quantiles of uniform scores, from one table: the scores of n rows are whole multiples of 1 / 2n."""
    n = table_rows or len(uniforms)
    grid = np.arange(1, 2 * n) / (2 * n)
    table = ndtri(grid) if math.isinf(nu) else stdtrit(nu, grid)
    return table[np.rint(uniforms * 2 * n).astype(np.intp) - 1]


def _correlation(z: np.ndarray) -> np.ndarray:
    """Return the correlation of centred rows, shrunk by rounding alone so that it can be inverted."""
    covariance = z.T @ z / len(z)
    scale = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    shape = covariance / np.outer(scale, scale)
    np.fill_diagonal(shape, 1.0)
    return (shape + 1e-9 * np.eye(len(shape))) / (1 + 1e-9)


def _mahalanobis(z: np.ndarray, shape: np.ndarray) -> np.ndarray:
    return ((z @ np.linalg.inv(shape)) * z).sum(1)


def _log_det(matrix: np.ndarray) -> float:
    return float(np.linalg.slogdet(matrix)[1])


def _t_entropy(d: int, nu: float) -> float:
    """Return the entropy in nats of a d-variate t of nu degrees with identity shape."""
    half = 0.5 * (nu + d)
    constant = gammaln(nu / 2) - gammaln(half) + 0.5 * d * math.log(nu * math.pi)
    return float(constant + half * (digamma(half) - digamma(nu / 2)))
