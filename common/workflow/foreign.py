"""Records that stand where a run's own belong, and were left by other code or with other parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from common.evaluation import AgreementError
from common.evaluation.cells import CellReader
from common.evaluation.comparison import Comparison
from common.results import Record
from common.workflow.resolve import Plan


class ForeignError(AgreementError):
    """Numbers would be accepted that the code and parameters at hand did not make."""


def said_of_foreign(plan: Plan, paper: str, name: str, records: Sequence[Record]) -> str:
    """Return one line on the records of the cell ``name`` that are not this plan's, and the cure; empty without any.

    Weights are not asked for: a record's numbers stand without them.
    """
    if not records:
        return ""
    job = plan.job(paper, name)
    seeds = [record.seed for record in records if not job.made(record)]
    if not seeds:
        return ""
    which = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
    return (
        f"{paper}: {name}: other code or parameters left {len(seeds)} of {len(records)} records at {plan.scale} "
        f"({which}); run the cell again, or give the settings of that run"
    )


def foreign_cells(plan: Plan, paper: str, comparisons: Iterable[Comparison]) -> dict[str, str]:
    """Return one line for each cell that the comparisons read and whose records are not this plan's.

    Looked at are the seeds that the plan asks for and those that count in a comparison. More seeds of an earlier run,
    beside a whole run of this plan, count in none.
    """
    reader = CellReader(plan.root / "results", paper, plan.scale)
    said = {}
    for name in dict.fromkeys(cell for comparison in comparisons for cell in comparison.cells):
        experiment, variant = name.split("/")
        asked = plan.seeds(paper, experiment)
        older = [record for record in reader.left_aside(experiment, variant) if record.seed in asked]
        said[name] = said_of_foreign(plan, paper, name, [*reader(experiment, variant), *older])
    return {name: line for name, line in said.items() if line}


def refuse_foreign(plan: Plan, paper: str, comparisons: Iterable[Comparison]) -> None:
    """Raise :class:`ForeignError` where a cell that the comparisons read holds records that are not this plan's."""
    if found := foreign_cells(plan, paper, comparisons):
        (line, *_), (_, *others) = found.values(), found
        raise ForeignError(line + f"; likewise {', '.join(others)}" * bool(others))
