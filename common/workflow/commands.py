"""The smaller verbs of ``python -m common.workflow``: each looks at what is there, or writes one thing."""

from __future__ import annotations

import shutil

from common.evaluation.published import read_published
from common.results import RecordError, read
from common.workflow.dag import Dag, listed
from common.workflow.resolve import Plan
from common.workflow.scoreboard import write_scoreboard


def resolve_files(plan: Plan) -> int:
    """Write every cell's resolved configuration and say how to run it by hand."""
    for own in listed(plan):
        for job in own.trainings():
            print(f"python -m {job.module} {job.files[0]}")
    return 0


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
    for own in listed(plan):
        for artefact, entry in own.config.artefacts.items():
            source = plan.root / own.folder / f"{artefact}.png"
            if entry.kind == "figure" and source.exists():
                shutil.copyfile(source, folder / f"{own.name}_{artefact}.png")
                print(f"figures/gallery/{own.name}_{artefact}.png")
    return 0


def scoreboard(plan: Plan) -> int:
    """Write the README's scoreboards from the papers' committed numbers and claims."""
    print("README.md " + ("rewritten" if write_scoreboard(plan.root) else "is up to date"))
    return 0


def verify(plan: Plan) -> int:
    """Say which artefacts of the checklist have no rule and which required records are missing or unreadable."""
    lacking = []
    for paper, config in plan.papers.items():
        known = {*config.artefacts, *config.not_reproducible}
        rows = read_published(plan.root / "replications" / paper / "published.csv")
        for artefact in dict.fromkeys(row.artefact for row in rows):
            if artefact not in known:
                lacking.append(f"{paper}: artefact {artefact} is published but has no rule")
        for path in Dag(plan, paper).records:
            try:
                read(plan.root / path)
            except RecordError as error:
                lacking.append(str(error).replace(f"{plan.root}/", ""))
    for line in lacking:
        print(line)
    print(f"verify: {len(lacking)} lacking at scale {plan.scale}" if lacking else f"verify: all there at {plan.scale}")
    return 1 if lacking else 0
