"""Verdicts: what our records say about each printed number, in a fixed order.

1. `not run`: no record.
2. `not comparable`: stand-in data; a subset (every printed number was measured on the whole set); or a row
   without a tolerance, which says that its value is another machine's, or of a unit that is not printed.
3. `reproduced`: the 90 % interval of the difference lies inside the row's tolerance (TOST).
4. `differs`: the difference is significant at 5 % after Holm over the paper's tested rows, and 3 did not hold.
5. `direction only`: neither 3 nor 4, but the paper's ordering against the row's reference holds.
6. `underpowered`: none of these can be shown with our seeds.

Scale `quick`, subsets and rows without a tolerance can earn the direction at most: their values are never tested, so
they end as `direction only` where the ordering holds, else as `underpowered` (quick: so short a run shows neither) or
`not comparable` (the others). Stand-in data earn nothing: an ordering on drawn faces says nothing of photographs.
A row with fewer than two finished seeds has no interval and is `underpowered`. A row where seeds diverged is judged
on those that finished, beside the count of all.

Column `direction` compares the row with its reference among our own records, and each row stands for itself
(no Holm): `holds` (one-sided p < 5 % for the printed order), `reversed` (for the opposite order, whose p is
given then), else `unclear`. The test is a paired t over seeds where both sides have the same seeds, else Welch;
Welch, too, where one side is known as an accepted number only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.evaluation.published import Key, Published
from common.evaluation.statistics import (
    Difference,
    Summary,
    holm,
    inside,
    paired,
    prediction,
    summarise,
    welch,
)

VERDICTS = ("reproduced", "direction only", "differs", "underpowered", "not comparable", "not run")
LEVEL = 0.05


@dataclass(frozen=True)
class Measured:
    """What our records hold for one printed number: the metric of each finished seed, and what they ran on."""

    values: Mapping[int, float]
    seeds: int
    stand_in: bool = False
    subset: bool = False

    @property
    def summary(self) -> Summary | None:
        """Mean, sd and n over the finished seeds, or None where none finished."""
        return summarise([self.values[seed] for seed in sorted(self.values)]) if self.values else None

    @property
    def evidence(self) -> Evidence:
        """What remains of the seeds once each is no longer needed: all but the direction rests on it."""
        return Evidence(self.summary, self.stand_in, self.subset)


@dataclass(frozen=True)
class Evidence:
    """What a verdict on a value rests on: mean, sd and n over the finished seeds, and whether the data may bear one."""

    summary: Summary | None
    stand_in: bool = False
    subset: bool = False


@dataclass(frozen=True)
class Judgement:
    """The verdict on one row, its direction, and the difference and p-values they rest on."""

    verdict: str
    direction: str = ""
    difference: Difference | None = None
    p_holm: float | None = None


def judge(rows: Sequence[Published], measured: Mapping[Key, Measured], scale: str) -> list[Judgement]:
    """Return the judgement of every row of one paper; rows without an entry in ``measured`` were not run."""
    directions = {row.key: _direction(row, measured) for row in rows}
    return decide(rows, {key: ours.evidence for key, ours in measured.items()}, directions, scale)


def decide(
    rows: Sequence[Published], evidence: Mapping[Key, Evidence], directions: Mapping[Key, str], scale: str
) -> list[Judgement]:
    """Return the judgement of every row from summaries and directions alone, as an accepted file keeps them."""
    differences = {row.key: _tested(row, evidence.get(row.key), scale) for row in rows}
    family = {key: difference.p_two_sided for key, difference in differences.items() if difference is not None}
    adjusted = dict(zip(family, holm(list(family.values())), strict=True))
    judgements = []
    for row in rows:
        direction, difference, p_holm = directions[row.key], differences[row.key], adjusted.get(row.key)
        verdict = _verdict(row, evidence.get(row.key), difference, p_holm, direction)
        judgements.append(Judgement(verdict, direction, difference, p_holm))
    return judgements


def difference_to(row: Published, ours: Summary) -> Difference | None:
    """Return our mean minus the printed value: Welch where sd and n are printed, else the prediction of one run.

    A printed spread without its number of runs cannot enter Welch, so that row falls to the prediction, too.
    None where ours is a single seed: it has no spread.
    """
    if ours.n < 2:
        return None
    if row.sd is not None and row.n_runs is not None:
        return welch(ours, Summary(row.value, row.sd, row.n_runs))
    return prediction(ours, row.value)


def _tested(row: Published, ours: Evidence | None, scale: str) -> Difference | None:
    """Return the difference of a row whose value may be judged at all, else None."""
    if ours is None or scale == "quick" or ours.stand_in or ours.subset or ours.summary is None:
        return None
    if row.tolerance is None:
        return None
    return difference_to(row, ours.summary)


def _verdict(
    row: Published, ours: Evidence | None, difference: Difference | None, p_holm: float | None, direction: str
) -> str:
    """Return the first verdict, in their order, that the evidence bears."""
    holds = direction.startswith("holds")
    if ours is None:
        return "not run"
    if ours.stand_in or ((ours.subset or row.tolerance is None) and not holds):
        return "not comparable"
    if difference is not None and row.tolerance is not None and inside(difference, row.tolerance):
        return "reproduced"
    if p_holm is not None and p_holm < LEVEL:
        return "differs"
    return "direction only" if holds else "underpowered"


def _direction(row: Published, measured: Mapping[Key, Measured]) -> str:
    """Return whether the printed order against the row's reference holds among our records, with its p-value."""
    if row.reference is None:
        return ""
    ours, other = measured.get(row.key), measured.get(row.reference)
    if ours is None or other is None or ours.stand_in or other.stand_in:
        return ""
    fewest = min(len(ours.values), len(other.values))
    return _ordered(row, _gap(ours, other)) if fewest >= 2 else f"unclear (n={fewest})"


def direction_between(row: Published, ours: Summary, other: Summary) -> str:
    """Return the direction of a row from its own and its reference's mean, sd and n alone, by Welch."""
    fewest = min(ours.n, other.n)
    return _ordered(row, welch(ours, other)) if fewest >= 2 else f"unclear (n={fewest})"


def _ordered(row: Published, gap: Difference) -> str:
    """Return whether the difference of a row to its reference is in the printed order, with its p-value."""
    along, against = (gap.p_above, gap.p_below) if row.sign == ">" else (gap.p_below, gap.p_above)
    if along < LEVEL:
        return f"holds ({format_p(along)})"
    if against < LEVEL:
        return f"reversed ({format_p(against)})"
    return f"unclear ({format_p(along)})"


def _gap(ours: Measured, other: Measured) -> Difference:
    """Return the difference between two of our own entries, paired by seed where the seeds are the same."""
    if set(ours.values) == set(other.values):
        seeds = sorted(ours.values)
        return paired([ours.values[s] for s in seeds], [other.values[s] for s in seeds])
    return welch(summarise(list(ours.values.values())), summarise(list(other.values.values())))


def format_p(p: float) -> str:
    """Return a p-value for a table: three decimals, or that it is below them."""
    return "p<0.001" if p < 0.001 else f"p={p:.3f}"
