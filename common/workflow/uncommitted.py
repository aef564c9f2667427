"""Records of runs that began with uncommitted changes: no commit holds what made them, so they are not accepted."""

from __future__ import annotations

from collections.abc import Iterable

from common.evaluation import AgreementError
from common.evaluation.cells import CellReader
from common.evaluation.comparison import Comparison
from common.workflow.resolve import Plan


class UncommittedError(AgreementError):
    """Numbers would be accepted that nobody can make again from a commit."""


def refuse_uncommitted(plan: Plan, paper: str, comparisons: Iterable[Comparison]) -> None:
    """Raise :class:`UncommittedError` where a record that counts in the comparisons was made of uncommitted changes."""
    reader = CellReader(plan.root / "results", paper, plan.scale)
    cells = dict.fromkeys(cell for comparison in comparisons for cell in comparison.cells)
    dirty = {cell: [r.seed for r in reader(*cell.split("/")) if r.provenance.dirty] for cell in cells}
    found = {cell: seeds for cell, seeds in dirty.items() if seeds}
    if not found:
        return
    (cell, seeds), *others = found.items()
    raise UncommittedError(
        f"{paper}: {cell}: seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))} at {plan.scale} ran with "
        "uncommitted changes; commit first, remove these records and run the cell again"
        + f"; likewise {', '.join(name for name, _ in others)}"
        * bool(others)
    )
