"""``regress``: a fresh run held to the accepted numbers and claims of its scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime

from common.evaluation import AgreementError
from common.evaluation.corrections import Correction, read_corrections, unexplained
from common.evaluation.judged import HeldClaim, held_claims, judged_path, read_judged
from common.evaluation.regression import LEAST_SEEDS, Regression, by_chance
from common.evaluation.regression import regress as regress_numbers
from common.evaluation.reproduced import label, none_finished, read_reproduced
from common.workflow.agreement import accepted_path, comparison_of
from common.workflow.foreign import foreign_cells
from common.workflow.resolve import Plan

MOVED, LACKING = 1, 3  # exit statuses; 2 is that of a command line that cannot be read


def regress(plan: Plan) -> int:
    """Hold a scale's records to what was accepted: numbers in bands, verdicts and claims as they were or explained.

    At quick a number may leave its band by little, as one in a hundred does on another processor: that is only said.
    Exit status 1: a number or a verdict moved, or nothing is accepted at this scale. 3: nothing moved, but accepted
    numbers have no record here, so that neither they nor the verdicts of their paper were held to anything, or other
    code or parameters than those at hand left the records, or of a file's numbers none can be held (other data).
    """
    corrections = read_corrections(plan.root / "CORRECTIONS.md")
    found, foreign = Tally(), 0
    for paper, config in plan.papers.items():
        compared = {reading: comparison_of(plan, paper, reading) for reading in ("", *config.readings)}
        others = foreign_cells(plan, paper, compared.values())
        print(*others.values(), sep="\n", end="\n" * bool(others))
        foreign += len(others)
        for reading, comparison in compared.items():
            path = accepted_path(plan, paper, reading)
            turned, unknown = hold_claims(
                held_claims(read_judged(judged_path(path)), comparison), label(path), corrections
            )
            found += Tally(moved=turned, lacking=unknown)
            found += hold_numbers(
                regress_numbers(read_reproduced(path), comparison), label(path), corrections, plan.scale
            )
    if not found.accepted:
        raise AgreementError(f"regress: no number is accepted at scale {plan.scale}; accept some first")
    aside = f", {found.lacking} have no record here" * bool(found.lacking)
    aside += f", {found.unheld} could not be held" * bool(found.unheld)
    aside += f", {foreign} cells hold what other code or parameters left" * bool(foreign)
    print(f"regress: {found.moved or 'nothing'} moved at {plan.scale}{aside}")
    return MOVED if found.moved else LACKING if found.lacking or found.unheld or foreign else 0


@dataclass(frozen=True)
class Tally:
    """How many accepted numbers and claims moved, have no record here, or stand in a file of which none can be held."""

    moved: int = 0
    lacking: int = 0
    unheld: int = 0
    accepted: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Return the sum of both."""
        return Tally(*map(sum, zip(astuple(self), astuple(other), strict=True)))


def hold_numbers(found: Sequence[Regression], name: str, corrections: Sequence[Correction], scale: str) -> Tally:
    """Say how the accepted numbers of one file stand, and count."""
    if not found:
        print(f"{name}: no number accepted at {scale}")
        return Tally()
    held = [row for row in found if not row.excused]
    absent = [row for row in held if not row.ran]
    here = [row for row in held if row.ran]
    whole = all(row.fresh is not None for row in held)
    wrong = {row.key: said for row in here if (said := complaint(row, name, corrections, whole=whole))}
    for key, said in wrong.items():
        print(f"{name}: {':'.join(key)}: {said}")
    stray = [row.key for row in by_chance(held)]
    wrong = {key: said for key, said in wrong.items() if key not in stray}
    if stray:
        print(f"{name}: {len(stray)} of these left by little, and no more of them than chance brings")
    if crossed := sum(row.crossed for row in here):
        print(f"{name}: {crossed} orders crossed p = 5 % within their bands, and did not turn round")
    if few := sum(row.inside is None and not row.unfinished for row in here):
        print(f"{name}: {few} have no band: fewer than {LEAST_SEEDS} seeds were accepted")
    for reason in sorted({row.excused for row in found} - {""}):
        print(f"{name}: {sum(row.excused == reason for row in found)} not held: {reason}")
    for artefact in dict.fromkeys(row.accepted.artefact for row in absent):
        rows = sum(row.accepted.artefact == artefact for row in absent)
        print(f"{name}: {artefact}: {rows} accepted, but no record of them is here; run them")
    if not held:
        print(f"{name}: none of {len(found)} rows at {scale} could be held")
        return Tally(unheld=len(found), accepted=len(found))
    apart = "" if whole else ", their verdicts apart: these rest on the rows that lack, too"
    print(f"{name}: {len(here) - len(wrong)} of {len(held)} rows at {scale} stand as accepted{apart}")
    return Tally(moved=len(wrong), lacking=len(absent), accepted=len(found))


def hold_claims(held: Sequence[HeldClaim], name: str, corrections: Sequence[Correction]) -> tuple[int, int]:
    """Say how accepted claims stand; return how many turned, and how many have no record here.

    At quick a claim that turned is said and not counted: it rests on two or three seeds, and what lies near its bound
    another processor's rounding takes across.
    """
    turned = [row for row in held if row.turned and unexplained([row.change(name)], corrections)]
    for row in turned:
        said = f"{name}: claim {row.accepted.claim}: {row.accepted.outcome} was accepted, now {row.fresh}"
        line = row.change(name).line(datetime.now(UTC).date().isoformat())
        print(said + ("" if row.accepted.scale == "quick" else f"; CORRECTIONS.md needs {line}"))
    lacking, other = (sum(row.apart == why for row in held) for why in ("no record", "other data"))
    if held:
        here = len(held) - lacking - other
        aside = f", {lacking} have no record here" * bool(lacking) + f", {other} ran on other data" * bool(other)
        print(f"{name}: {here - len(turned)} of {here} claims at {held[0].accepted.scale} end as accepted{aside}")
    return sum(row.accepted.scale != "quick" for row in turned), lacking


def complaint(row: Regression, name: str, corrections: Sequence[Correction], *, whole: bool = True) -> str:
    """Return how a row that has a record moved, and the cure; empty where it stands as accepted.

    Verdicts are held where the run is ``whole``: each is judged beside the others (Holm, the row's reference). At quick
    an order that crossed its level and did not turn round is none.
    """
    if row.unfinished and unexplained([row.change(name)], corrections):
        return none_finished(row.ran, row.accepted.mean)
    if row.inside is False:
        return f"{row.fresh:.6g} is outside [{row.low:.6g}, {row.high:.6g}], where {row.accepted.mean:.6g} was accepted"
    if (
        whole
        and row.changed
        and not row.crossed
        and not row.unfinished
        and unexplained([row.change(name)], corrections)
    ):
        line = row.change(name).line(datetime.now(UTC).date().isoformat())
        return f"{row.accepted.verdict} was accepted, now {row.fresh_verdict}; CORRECTIONS.md needs {line}"
    return ""
