"""Has Snakemake make anew what stands on stand-ins for data that lie at hand by now.

A rule's parameters cannot tell: they are compared with those of the last run, and by the next one the records are real
and nothing is to be made anew. So the files themselves are named to Snakemake, as ``--forcerun`` would name them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from common.data.arrivals import has_arrived
from common.results import Origin
from common.workflow.config import cells_of
from common.workflow.resolve import Plan


def overtaken(plan: Plan) -> dict[str, str]:
    """Return the plan's records that stand on a stand-in for data at hand, each with the name of the set.

    What is no readable record is its own job's to find.
    """
    if plan.settings.data != "auto":
        return {}
    found = {}
    for name in (*plan.papers, *plan.benchmarks):
        for cell in cells_of(plan.config(name)):
            for path in plan.records(name, cell):
                origin = _stand_in(plan.root / path)
                if origin and has_arrived(origin, plan.settings.data, plan.root, plan.settings.data_mirrors):
                    found[path] = origin.name
    return found


def _stand_in(path: Path) -> Origin | None:
    """Return a record's origin if it is a stand-in; a look at the bytes spares the parsing of all others."""
    try:
        content = path.read_bytes()
        if b'"stand-in"' not in content:
            return None
        origin = Origin.model_validate(json.loads(content)["dataset"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return origin if origin.kind == "stand-in" else None


def make_anew(files: dict[str, str]) -> None:
    """Have Snakemake make these files anew where a target needs them; ``--forcerun`` would make targets of them too."""
    from snakemake import workflow

    class DAG(workflow.DAG):
        def __init__(self, *arguments: Any, forcefiles: Any = None, **options: Any) -> None:
            super().__init__(*arguments, forcefiles={*(forcefiles or ()), *files}, **options)

    workflow.DAG = DAG


def told(files: dict[str, str]) -> str:
    """Return a line that says what is made anew, and why."""
    names = ", ".join(sorted(set(files.values())))
    return (
        f"Expunge: data at hand by now ({names}): what is asked for of {len(files)} records that stand on their "
        "stand-ins is made anew."
    )
