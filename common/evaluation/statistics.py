"""Statistics of agreement: differences, their intervals and p-values, and Holm's correction.

Welch (1947) for two means with printed spreads; the t prediction interval of one new run where the paper
prints a single value; equivalence by inclusion of the 90 % interval (Schuirmann 1987, TOST at 5 %); Holm (1979).
The unit of replication is one seed. Nothing here pools variances or assumes a spread that was not measured.

A difference without any spread (``se == 0``: every seed gave the same number) has no t statistic. It is taken
at its limit: the interval is the point ``delta``, and a p-value is 0 where ``delta`` is off and 1 where it is
not. That is right for a deterministic quantity and too sure for a coarse one (an accuracy on few samples), so
the tables print the sd, where a reader sees the zero. Differences below 1e-12 of the numbers compared are
rounding, not effects, and count as zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import t as student

_ROUNDING = 1e-12
_SLACK = 1 + 1e-9  # 0.77 - 0.72 is a hair above 0.05 in binary


@dataclass(frozen=True)
class Summary:
    """Mean, standard deviation (n - 1 in the denominator; None for n = 1) and number of seeds or runs."""

    mean: float
    sd: float | None
    n: int


@dataclass(frozen=True)
class Difference:
    """An estimated difference with its standard error and degrees of freedom of the t law."""

    delta: float
    se: float
    df: float

    def interval(self, level: float = 0.90) -> tuple[float, float]:
        """Return the two-sided interval of the difference at ``level``."""
        half = float(student.ppf(0.5 + level / 2, self.df)) * self.se if self.se > 0 else 0.0
        return (self.delta - half, self.delta + half)

    @property
    def p_above(self) -> float:
        """One-sided p-value of "the difference is above zero"."""
        if self.se > 0:
            return float(student.sf(self.delta / self.se, self.df))
        return 0.0 if self.delta > 0 else 1.0

    @property
    def p_below(self) -> float:
        """One-sided p-value of "the difference is below zero"."""
        return Difference(-self.delta, self.se, self.df).p_above

    @property
    def p_two_sided(self) -> float:
        """Two-sided p-value of "the difference is not zero"."""
        return min(1.0, 2 * min(self.p_above, self.p_below))


def summarise(values: Sequence[float]) -> Summary:
    """Return mean, sd and n of one number per seed; equal numbers have a spread of exactly zero.

    Raises ValueError for none.
    """
    n = len(values)
    if n == 0:
        raise ValueError("no values to summarise")
    if min(values) == max(values):
        return Summary(float(values[0]), 0.0 if n > 1 else None, n)
    mean = math.fsum(values) / n
    return Summary(mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1)), n)


def welch(ours: Summary, theirs: Summary) -> Difference:
    """Return ours minus theirs with Welch's standard error and degrees of freedom; both need n >= 2."""
    if ours.sd is None or theirs.sd is None or min(ours.n, theirs.n) < 2:
        raise ValueError("Welch's difference needs a standard deviation and n >= 2 on both sides")
    a, b = ours.sd / math.sqrt(ours.n), theirs.sd / math.sqrt(theirs.n)
    se = math.hypot(a, b)
    if se == 0:
        df = float(ours.n + theirs.n - 2)
    else:
        share = (a / se) ** 2
        df = 1 / (share**2 / (ours.n - 1) + (1 - share) ** 2 / (theirs.n - 1))
    return _settled(ours.mean, theirs.mean, se, df)


def prediction(ours: Summary, printed: float) -> Difference:
    """Return our mean minus one printed value, with the spread that one new run of ours would have around it.

    The standard error is sd * sqrt(1 + 1/n): the printed value is itself one draw. Where the paper averaged
    runs without printing their spread this is wider than need be, which errs towards `underpowered`.
    """
    if ours.sd is None or ours.n < 2:
        raise ValueError("a prediction interval needs at least two seeds")
    return _settled(ours.mean, printed, ours.sd * math.sqrt(1 + 1 / ours.n), float(ours.n - 1))


def paired(row: Sequence[float], reference: Sequence[float]) -> Difference:
    """Return the mean of row minus reference over the same seeds, in the same order.

    Raises ValueError for fewer than two, or unequally many.
    """
    if len(row) != len(reference) or len(row) < 2:
        raise ValueError("a paired difference needs the same two or more seeds on both sides")
    gaps = summarise([a - b for a, b in zip(row, reference, strict=True)])
    magnitude = max(map(abs, [*row, *reference]))
    return _settled(gaps.mean, 0.0, (gaps.sd or 0.0) / math.sqrt(gaps.n), float(gaps.n - 1), magnitude)


def inside(difference: Difference, tolerance: float, level: float = 0.90) -> bool:
    """Return whether the interval of the difference lies within plus or minus ``tolerance`` (TOST)."""
    low, high = difference.interval(level)
    return -tolerance * _SLACK <= low and high <= tolerance * _SLACK


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values in the order given; family-wise error holds under any dependence."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def subtract(a: float, b: float, magnitude: float | None = None) -> float:
    """Return a - b, or exactly zero where that is only the rounding of numbers of this ``magnitude``."""
    floor = _ROUNDING * (max(abs(a), abs(b)) if magnitude is None else magnitude)
    return 0.0 if abs(a - b) <= floor else a - b


def _settled(a: float, b: float, se: float, df: float, magnitude: float | None = None) -> Difference:
    """Return the difference a - b, with what is only rounding set to zero."""
    scale = max(abs(a), abs(b)) if magnitude is None else magnitude
    return Difference(subtract(a, b, scale), 0.0 if se <= _ROUNDING * scale else se, df)
