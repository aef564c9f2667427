"""The estimator protocol: what every estimator of mutual information or dependence offers.

This module imports nothing from the package, so that anything may import it. The shape is the one that the
benchmark package ``benchmark-mi`` expects (``estimate_with_info`` and its three attributes), so an instance runs
unchanged inside ``bmi.benchmark.run_estimator``.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
import torch

ArrayLike = np.ndarray | torch.Tensor | Sequence[Any]
Unit = Literal["nats", "correlation"]

_COUNTS = ("k", "steps", "check", "batch", "rank", "slices", "order", "max_rows")  # what there must be one of at least
_RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {  # what other settings may be, and in words; never NaN
    "alpha": (lambda v: 0 < v < math.inf, "a number above 0"),
    "clip": (lambda v: v > 0, "a number above 0"),
    "held_out": (lambda v: 0 < v < 1, "a share between 0 and 1, neither of them"),
    "lr": (lambda v: 0 < v < math.inf, "a number above 0"),
    "rate": (lambda v: 0 < v <= 1, "a number above 0 and at most 1"),
    "ridge": (lambda v: 0 <= v < math.inf, "a number from 0"),
    "target": (lambda v: -math.inf < v < math.inf, "a number"),
    "weight": (lambda v: 0 <= v < math.inf, "a number from 0"),
    "workers": (lambda v: isinstance(v, Integral) and v >= -1 and v != 0, "a whole number from 1, or -1 for all cores"),
}
_EXACT = 2**53  # whole numbers up to here have a float64 of their own


@dataclass(frozen=True)
class Estimate:
    """One estimate and how it came about.

    ``mi_estimate`` is in the estimator's ``unit``; ``curve`` holds the training values of a fitted estimator, oldest
    first (empty where nothing is fitted); ``converged`` is false where a fit ran out of steps while it still
    improved; ``diverged`` is true where the value is not finite. ``additional_information`` repeats these beside
    the estimator's own extras, as plain numbers, strings and lists.
    """

    mi_estimate: float
    time_in_seconds: float
    additional_information: dict[str, Any] = field(default_factory=dict)

    @property
    def curve(self) -> list[float]:
        """The values met while fitting, oldest first."""
        return self.additional_information["curve"]

    @property
    def converged(self) -> bool:
        """Whether the fit came to rest (always true where nothing is fitted)."""
        return self.additional_information["converged"]

    @property
    def diverged(self) -> bool:
        """Whether the value is not a finite number."""
        return self.additional_information["diverged"]


class Estimator(ABC):
    """An estimator; its dataclass fields are its hyper-parameters, its class attributes say what its number means.

    ``unit``: "nats", or "correlation" for a dependence in [0, 1]. ``bias``: the direction of its error.
    """

    unit: ClassVar[Unit] = "nats"
    bias: ClassVar[str]
    labels: ClassVar[Literal["none", "y", "both"]] = "none"

    def estimate(self, x: ArrayLike, y: ArrayLike) -> float:
        """Return the estimate for ``x`` (n, d_x) and ``y`` (n, d_y); 1-d input is one column.

        Raises ValueError where lengths differ, n < 2, a value is not finite, the rank is not 1 or 2, or a
        hyper-parameter is none that it can run with.
        """
        return self.estimate_with_info(x, y).mi_estimate

    def estimate_with_info(self, x: ArrayLike, y: ArrayLike) -> Estimate:
        """Return the estimate with its curve, seconds, and whether it converged or diverged."""
        start = time.perf_counter()
        columns = self._validate(x, y)
        value, info = self._estimate(*columns)
        seconds = time.perf_counter() - start
        diverged = not math.isfinite(value)
        info = {"curve": [], "converged": not diverged} | info | {"diverged": diverged, "unit": self.unit}
        return Estimate(float(value), seconds, info)

    def parameters(self) -> dict[str, Any]:
        """Return the hyper-parameters by name."""
        return asdict(self)  # type: ignore[call-overload]  # every estimator is a dataclass

    @abstractmethod
    def _estimate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, Any]]:
        """Return the value and extra information for validated columns (n, d) in float64 (labels: int64)."""

    def _validate(self, x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        refuse_settings(self.parameters())
        x_columns = as_labels(x, "x") if self.labels == "both" else as_columns(x, "x")
        y_columns = as_columns(y, "y") if self.labels == "none" else as_labels(y, "y")
        if len(x_columns) != len(y_columns):
            raise ValueError(f"x has {len(x_columns)} rows and y has {len(y_columns)}: they must be pairs")
        if len(x_columns) < 2:
            raise ValueError(f"a sample needs at least 2 rows, got {len(x_columns)}")
        return x_columns, y_columns


def at_least(least: int, **settings: Any) -> None:
    """Raise ValueError that names the first of the settings which is no whole number or below ``least``."""
    for name, value in settings.items():
        if not isinstance(value, Integral):
            raise ValueError(f"{name} must be a whole number, got {value!r}")
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


def refuse_settings(settings: dict[str, Any]) -> None:
    """Raise ValueError for a hyper-parameter, known by its name, that nothing can be estimated with."""
    at_least(1, **{name: value for name, value in settings.items() if name in _COUNTS})
    at_least(0, **{name: value for name, value in settings.items() if name == "seed"})
    for name, (allows, valid) in _RANGES.items():
        value = settings.get(name)  # None: the estimator finds its own
        if value is not None and not (isinstance(value, Real) and allows(value)):
            raise ValueError(f"{name} must be {valid}, got {value!r}")
    hidden = settings.get("hidden", ())
    if not isinstance(hidden, list | tuple):
        raise ValueError(f"hidden must be a list of layers' widths, got {hidden!r}")
    for width in hidden:
        at_least(1, **{"a width of hidden": width})
    device = settings.get("device", "cpu")
    try:
        torch.empty(0, device=device)
    except (AssertionError, NotImplementedError, RuntimeError, TypeError) as error:
        why = str(error).partition("\n")[0]
        raise ValueError(f"device {str(device)!r} cannot be used here, take 'cpu': {why}") from None


def as_columns(values: ArrayLike, name: str) -> np.ndarray:
    """Return ``values`` as float64 columns (n, d); raise ValueError where rank, size or content does not allow it."""
    array = _as_array(values, name)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity: drop or impute those rows first")
    return array


def as_labels(values: ArrayLike, name: str) -> np.ndarray:
    """Return ``values`` as int64 columns (n, d); raise ValueError where they are not whole numbers.

    Integers beyond 2**53 come back as ranks (:func:`exact_integers`); floats beyond it raise ValueError.
    """
    array = as_columns(exact_integers(values), name)
    whole = np.rint(array)
    if not np.array_equal(whole, array):
        raise ValueError(f"{name} must hold integer labels for this estimator, found fractions")
    refuse_inexact(whole, name)
    return whole.astype(np.int64)


def exact_integers(values: ArrayLike) -> ArrayLike:
    """Return integers of a column (n,) or columns (n, d) that pass 2**53 as ranks of their distinct values, from 0.

    Beyond 2**53 neighbouring integers share a float64: labels would fall together. All else comes back as it is.
    """
    array = values
    if isinstance(values, torch.Tensor) and not (values.is_floating_point() or values.is_complex()):
        array = values.detach().cpu().numpy()
    elif not isinstance(values, np.ndarray | torch.Tensor):
        try:
            array = np.asarray(values)
        except ValueError:  # of no shape at all: whoever makes columns of it says so
            return values
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iu" or array.ndim not in {1, 2} or not array.size:
        return values
    if int(array.max()) <= _EXACT and int(array.min()) >= -_EXACT:
        return values
    columns = array.reshape(len(array), -1).T
    return np.stack([np.unique(column, return_inverse=True)[1].reshape(-1) for column in columns], 1)


def refuse_inexact(columns: np.ndarray, name: str) -> None:
    """Raise ValueError where float labels (n, d) pass 2**53: integers that differ may have become equal on the way."""
    if columns.size and np.abs(columns).max() > _EXACT:
        raise ValueError(f"{name} holds float labels beyond 2**53, which cannot tell integers apart: give integers")


def _as_array(values: ArrayLike, name: str) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = (values if values.is_complex() else values.to(torch.float64)).numpy()
    if np.ma.is_masked(values):
        raise ValueError(f"{name} has masked entries: drop or impute those rows first")
    try:
        if np.iscomplexobj(values):
            raise ValueError("it is complex: give real and imaginary parts as columns")
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is not a numeric array: {error}") from None
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise ValueError(f"{name} must have rank 1 or 2 (rows, features), got shape {array.shape}")
    if array.shape[1] == 0:
        raise ValueError(f"{name} has no feature: its shape is {array.shape}")
    return array
