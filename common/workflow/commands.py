"""The smaller verbs of ``python -m common.workflow``: each looks at what is there, or writes one thing."""

from __future__ import annotations

import shutil

from common.results import Record, RecordError, read_at
from common.workflow.dag import Dag, listed
from common.workflow.foreign import said_of_foreign
from common.workflow.job import config_name
from common.workflow.resolve import Plan
from common.workflow.scoreboard import write_scoreboard
from common.workflow.stated import read_stated


def report(plan: Plan) -> int:
    """Write the report of the plan's scale."""
    from common.workflow.report import build

    print(build(plan.root, plan.scale, list(plan.papers)))
    return 0


def docs(plan: Plan) -> int:
    """Write guides and API reference beside the report of the plan's scale."""
    from common.workflow.docs import build

    print(build(plan.root, plan.root / "figures" / plan.scale / "report" / "docs"))
    return 0


def gallery(plan: Plan) -> int:
    """Copy the figures of the plan's scale that exist, the benchmarks' too, into the committed gallery."""
    folder = plan.root / "figures" / "gallery"
    folder.mkdir(parents=True, exist_ok=True)
    copied = 0
    for own in listed(plan):
        for artefact, entry in own.config.artefacts.items():
            source = plan.root / own.folder / f"{artefact}.png"
            if entry.kind == "figure" and source.exists():
                shutil.copyfile(source, folder / f"{own.name}_{artefact}.png")
                print(f"figures/gallery/{own.name}_{artefact}.png")
                copied += 1
    if not copied:
        print(f"gallery: no figure is drawn at scale {plan.scale}; snakemake draws them")
    return 0 if copied else 1


def scoreboard(plan: Plan) -> int:
    """Write the README's scoreboards from the papers' committed numbers and claims."""
    print("README.md " + ("rewritten" if write_scoreboard(plan.root) else "is up to date"))
    return 0


def verify(plan: Plan) -> int:
    """Say which artefacts of the checklist have no rule, and which required records lack or are not this run's.

    A record is required of each cell and seed that an artefact or a published value rests on, at its own place, left by
    the code at hand with the parameters given.
    """
    lacking = []
    for paper, config in plan.papers.items():
        known = {*config.artefacts, *config.not_reproducible}
        published, _ = read_stated(plan.root, config)
        for artefact in dict.fromkeys(row.artefact for row in published):
            if artefact not in known:
                lacking.append(f"{paper}: artefact {artefact} is published but has no rule")
        for cell in dict.fromkeys(map(config_name, Dag(plan, paper).records)):
            records, unreadable = _records(plan, paper, cell)
            foreign = said_of_foreign(plan, paper, cell, records)
            lacking += [*unreadable, *[foreign] * bool(foreign)]
    for line in lacking:
        print(line)
    print(f"verify: {len(lacking)} lacking at scale {plan.scale}" if lacking else f"verify: all there at {plan.scale}")
    return 1 if lacking else 0


def _records(plan: Plan, paper: str, name: str) -> tuple[list[Record], list[str]]:
    """Return the records that a cell must have, and what is wrong with those that cannot be read."""
    records, wrong = [], []
    for seed in plan.seeds(paper, name.split("/", maxsplit=1)[0]):
        try:
            records.append(read_at(plan.root / "results", plan.cell(paper, name), seed))
        except RecordError as error:
            wrong.append(str(error).replace(f"{plan.root}/", ""))
    return records, wrong
