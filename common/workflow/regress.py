"""``python -m common.workflow regress``: a fresh run held to the accepted numbers of its scale."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from common.evaluation import AgreementError
from common.evaluation.corrections import Correction, read_corrections, unexplained
from common.evaluation.regression import Regression
from common.evaluation.regression import regress as regress_numbers
from common.evaluation.reproduced import label, read_reproduced
from common.workflow.commands import accepted_path, comparison_of
from common.workflow.resolve import Plan


def regress(plan: Plan, options: argparse.Namespace) -> int:  # noqa: ARG001
    """Say what moved: numbers outside their bands, verdicts without a line in CORRECTIONS.md, records that lack."""
    corrections = read_corrections(plan.root / "CORRECTIONS.md")
    moved = accepted = 0
    for paper, config in plan.papers.items():
        for reading in ("", *config.readings):
            path = accepted_path(plan, paper, reading)
            found = regress_numbers(read_reproduced(path), comparison_of(plan, paper, reading))
            if not found:
                print(f"{label(path)}: no number accepted at {plan.scale}")
                continue
            held = [row for row in found if not row.excused]
            wrong = {row.key: said for row in held if (said := complaint(row, label(path), corrections))}
            for key, said in wrong.items():
                print(f"{label(path)}: {':'.join(key)}: {said}")
            for reason in sorted({row.excused for row in found} - {""}):
                rows = sum(row.excused == reason for row in found)
                print(f"{label(path)}: {rows} not held: {reason}")
            print(f"{label(path)}: {len(held) - len(wrong)} of {len(held)} rows at {plan.scale} stand as accepted")
            moved, accepted = moved + len(wrong), accepted + len(found)
    if not accepted:
        raise AgreementError(f"regress: no number is accepted at scale {plan.scale}; accept some first")
    print(f"regress: {moved} moved at scale {plan.scale}" if moved else f"regress: nothing moved at {plan.scale}")
    return 1 if moved else 0


def complaint(row: Regression, name: str, corrections: Sequence[Correction]) -> str:
    """Return what is wrong with one row, and the cure; empty where it stands as accepted."""
    if row.fresh is None:
        return "accepted, but no record of it is here; run it"
    if row.inside is False:
        return f"{row.fresh:.6g} is outside [{row.low:.6g}, {row.high:.6g}], where {row.accepted.mean:.6g} was accepted"
    if row.changed and unexplained([row.change(name)], corrections):
        line = row.change(name).line(datetime.now(UTC).date().isoformat())
        return f"{row.accepted.verdict} was accepted, now {row.fresh_verdict}; CORRECTIONS.md needs {line}"
    return ""
