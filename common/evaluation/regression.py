"""Regression: whether a fresh run still falls where our accepted numbers lie, and still has their verdicts."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import binom
from scipy.stats import t as student

from common.evaluation.comparison import Comparison
from common.evaluation.corrections import Change, Standing
from common.evaluation.reproduced import Accepted

LEAST_SEEDS = 3  # of two the spread may be next to nothing by luck: a band of 64 sd holds nothing or fails for nothing
_ROUNDING = 1e-5  # six digits are kept in the file
_LEVEL = 0.99
_OF_ORDER = {"direction only", "underpowered", "not comparable"}
_TIMED = re.compile(r"(seconds|time)\b")


@dataclass(frozen=True)
class Regression:
    """A fresh number beside the accepted one: its band, and whether it is inside (None: no band, or no number).

    ``seeds`` finished of those that ``ran``.
    """

    accepted: Accepted
    fresh: float | None
    seeds: int
    ran: int
    low: float
    high: float
    inside: bool | None
    fresh_verdict: str
    fresh_direction: str
    fresh_data: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Artefact, entry, metric and scale, which name the row."""
        return self.accepted.key

    @property
    def unfinished(self) -> bool:
        """Whether it was run, and no seed came to an end."""
        return self.ran > 0 and self.fresh is None

    @property
    def changed(self) -> bool:
        """Whether the verdict is another one than was accepted."""
        return self.accepted.verdict != self.fresh_verdict

    @property
    def crossed(self) -> bool:
        """Whether the verdict changed at quick though nothing moved: the order's p-value crossed 5 % and no more.

        A quick verdict is an order's alone, of two or three seeds, and another processor's rounding takes a p-value
        from one side to the other. The number is in its band, and the order has not turned round.
        """
        orders = {self.accepted.direction.split(" ")[0], self.fresh_direction.split(" ")[0]}
        order_alone = {self.accepted.verdict, self.fresh_verdict} <= _OF_ORDER
        near = self.fresh is not None and self.inside is not False and orders != {"holds", "reversed"}
        return self.accepted.scale == "quick" and self.changed and order_alone and near

    @property
    def astray(self) -> bool:
        """Whether the number is outside its band by no more than half the band's width."""
        half = (self.high - self.low) / 2
        return self.inside is False and self.low - half <= self.fresh <= self.high + half

    @property
    def excused(self) -> str:
        """Why the row cannot be held to what was accepted here; empty where it can."""
        if _TIMED.match(self.accepted.metric) and not self.unfinished:
            return "a speed belongs to its machine"
        if self.ran and self.fresh_data != self.accepted.data:
            return f"accepted on {self.accepted.data}, this run is on {self.fresh_data}"
        return ""

    def change(self, paper: str) -> Change:
        """Return the changed verdict as CORRECTIONS.md would record it."""
        was = Standing(self.accepted.verdict, self.accepted.mean, self.accepted.n)
        now = Standing("not run") if self.fresh is None else Standing(self.fresh_verdict, self.fresh, self.seeds)
        return Change(paper, ":".join(self.key[:3]), self.accepted.scale, was, now)


def regress(accepted: Sequence[Accepted], comparison: Comparison) -> list[Regression]:
    """Return each accepted number of the comparison's scale beside the fresh one."""
    fresh = {row.published.key: row for row in comparison.rows}
    found = []
    for old in accepted:
        if old.scale != comparison.scale:
            continue
        row = fresh.get(old.key[:3])
        ours = row.ours if row else None
        low, high = band(old, ours.n if ours else 1)
        found.append(
            Regression(
                accepted=old,
                fresh=ours.mean if ours else None,
                seeds=ours.n if ours else 0,
                ran=row.seeds if row else 0,
                low=low,
                high=high,
                inside=low <= ours.mean <= high if ours and math.isfinite(low) else None,
                fresh_verdict=row.judgement.verdict if row else "not run",
                fresh_direction=row.judgement.direction if row else "",
                fresh_data=row.data if row else "",
            )
        )
    return found


def by_chance(held: Sequence[Regression]) -> list[Regression]:
    """Return the rows at quick that left their bands no further and no more often than one number in a hundred does.

    On the processor that they were accepted on the numbers come back as they were. Another one's rounding draws a quick
    run anew, and of the rows of a paper some then leave a band of 99 %: none is returned where so many do by chance in
    less than one run of a hundred (binomial), and none that is far away.
    """
    banded = [row for row in held if row.inside is not None and row.accepted.scale == "quick"]
    outside = [row for row in banded if not row.inside]
    if not outside or binom.sf(len(outside) - 1, len(banded), 1 - _LEVEL) < 1 - _LEVEL:
        return []
    return [row for row in outside if row.astray]


def band(old: Accepted, n: int) -> tuple[float, float]:
    """Return where the mean of ``n`` fresh seeds falls 99 times in 100 if nothing moved (t prediction interval).

    Never narrower than the digits that the file keeps; infinite where the accepted seeds are too few for a spread.
    """
    if old.sd is None or old.n < LEAST_SEEDS:
        return (-math.inf, math.inf)
    half = float(student.ppf(0.5 + _LEVEL / 2, old.n - 1)) * old.sd * math.sqrt(1 / old.n + 1 / n)
    half = max(half, _ROUNDING * abs(old.mean))
    return (old.mean - half, old.mean + half)
