"""The verbs of ``python -m common.workflow``."""

from __future__ import annotations

import argparse
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from common.evaluation.claims import Claim, read_claims
from common.evaluation.comparison import Comparison
from common.evaluation.comparison import compare as compare_numbers
from common.evaluation.corrections import read_corrections
from common.evaluation.published import read_published
from common.evaluation.reproduced import UnexplainedError
from common.evaluation.reproduced import accept as accept_numbers
from common.evaluation.tables import write_comparison
from common.results import Record, RecordError, read
from common.results.store import cell_folder, find
from common.training.progress import clock
from common.workflow import cost
from common.workflow.config import PaperConfig, reading_of
from common.workflow.dag import Dag
from common.workflow.job import Job, JobConfig, missing_seeds
from common.workflow.resolve import Plan
from common.workflow.scoreboard import write_scoreboard

CONSOLE = Console(width=None if sys.stdout.isatty() else 140)  # a log has no width of its own


def comparison_of(plan: Plan, paper: str, reading: str = "") -> Comparison:
    """Return one paper's published numbers and claims beside the records of the plan's scale.

    ``reading`` is a variant to seek them in, instead of the one that the artefacts name.
    """
    folder = plan.root / "replications" / paper
    config = plan.papers[paper]
    claims = read_claims(folder / "claims.yaml")
    if reading:
        claims = [_claim_in(claim, config, reading) for claim in claims]
        config = reading_of(config, reading)
    return compare_numbers(config, read_published(folder / "published.csv"), claims, plan.root / "results", plan.scale)


def _claim_in(claim: Claim, paper: PaperConfig, variant: str) -> Claim:
    """Return the claim with its quantities taken from ``variant`` of each experiment that has it."""
    moved = {
        name: quantity.model_copy(update={"variant": variant})
        if variant in paper.experiments[quantity.experiment].variants
        else quantity
        for name, quantity in claim.quantities.items()
    }
    return claim.model_copy(update={"quantities": moved})


def compare(plan: Plan, options: argparse.Namespace) -> int:  # noqa: ARG001
    """Write each paper's comparison files and show the comparison; further readings go to a folder of their own."""
    for paper, config in plan.papers.items():
        for reading in ("", *config.readings):
            comparison = comparison_of(plan, paper, reading)
            write_comparison(comparison, plan.root / "figures" / plan.scale / paper / reading)
            _show(comparison, reading)
    return 0


def accepted_path(plan: Plan, paper: str, reading: str) -> Path:
    """Return the file of a paper's accepted numbers, one per reading."""
    return plan.root / "replications" / paper / (f"reproduced-{reading}.csv" if reading else "reproduced.csv")


def accept(plan: Plan, options: argparse.Namespace) -> int:  # noqa: ARG001
    """Lay the plan's scale's numbers into each paper's ``reproduced.csv``, one file per reading.

    A verdict that changes must have its line in CORRECTIONS.md; the lines that lack are printed, to be filled in.
    """
    corrections = read_corrections(plan.root / "CORRECTIONS.md")
    for paper, config in plan.papers.items():
        for reading in ("", *config.readings):
            path = accepted_path(plan, paper, reading)
            try:
                rows = accept_numbers(comparison_of(plan, paper, reading), path, corrections)
            except UnexplainedError as error:
                for change in error.changes:
                    print(change.line(datetime.now(UTC).date().isoformat()))
                raise
            CONSOLE.print(f"{path.relative_to(plan.root)}: {len(rows)} rows")
    return 0


def resolve_files(plan: Plan, options: argparse.Namespace) -> int:  # noqa: ARG001
    """Write every cell's resolved configuration and say how to run it by hand."""
    for paper in plan.papers:
        for job in Dag(plan, paper).trainings():
            print(f"python -m {job.module} {job.file}")
    return 0


def report(plan: Plan, options: argparse.Namespace) -> int:  # noqa: ARG001
    """Write the report of the plan's scale."""
    from common.workflow.report import build

    print(build(plan.root, plan.scale, list(plan.papers)))
    return 0


def docs(plan: Plan, options: argparse.Namespace) -> int:  # noqa: ARG001
    """Write guides and API reference beside the report of the plan's scale."""
    from common.workflow.docs import build

    print(build(plan.root, plan.root / "figures" / plan.scale / "report" / "docs"))
    return 0


def gallery(plan: Plan, options: argparse.Namespace) -> int:  # noqa: ARG001
    """Copy the figures of the plan's scale that exist, the benchmarks' too, into the committed gallery."""
    folder = plan.root / "figures" / "gallery"
    folder.mkdir(parents=True, exist_ok=True)
    for own in (*(Dag(plan, paper) for paper in plan.papers), *_benchmarks(plan)):
        for artefact, entry in own.config.artefacts.items():
            source = plan.root / own.folder / f"{artefact}.png"
            if entry.kind == "figure" and source.exists():
                shutil.copyfile(source, folder / f"{own.name}_{artefact}.png")
                print(f"figures/gallery/{own.name}_{artefact}.png")
    return 0


def scoreboard(plan: Plan, options: argparse.Namespace) -> int:  # noqa: ARG001
    """Write the README's scoreboard from the papers' committed numbers."""
    print("README.md " + ("rewritten" if write_scoreboard(plan.root) else "is up to date"))
    return 0


def verify(plan: Plan, options: argparse.Namespace) -> int:  # noqa: ARG001
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


def plan(plan: Plan, options: argparse.Namespace) -> int:  # noqa: ARG001
    """Show every job with its seeds to run, estimated seconds and memory, and what ``all`` would cost per paper.

    Of seeds on record the last column shows what they would have been estimated at and what they took.
    """
    table = Table(title=plan.headline(), title_justify="left")
    for column in (
        "paper",
        "job",
        "part of",
        "seeds to run",
        "time",
        "device time",
        "memory",
        "done: plan, took",
    ):
        table.add_column(column, justify="left" if column in ("paper", "job", "part of") else "right")
    rates = cost.rates(plan.root, plan.device)
    for paper in plan.papers:
        dag = Dag(plan, paper)
        wanted = dag.wanted
        total = 0.0
        for job in sorted(dag.trainings(), key=lambda job: job.cell not in wanted):
            config = plan.job(paper, job.cell)
            todo = _to_run(plan, config)
            seconds = cost.seconds(config, len(todo), rates) if todo else 0.0
            total += seconds if job.cell in wanted else 0.0
            estimated, took = cost.finished(config, _records(plan, config), rates)
            table.add_row(
                paper,
                job.cell,
                "all" if job.cell in wanted else "on request",
                f"{len(todo)} of {config.seeds}",
                clock(seconds),
                clock(seconds) if job.gpu else "-",
                f"{job.memory_mb} MB" if todo else "-",
                f"{clock(estimated)}, {clock(took)}" if took else "-",
            )
        table.add_row(paper, "all, one job after another", "", "", clock(total), "", "", "", style="bold")
    CONSOLE.print(table)
    for own in _benchmarks(plan):
        jobs = [plan.job(own.name, job.cell) for job in own.trainings()]
        left = sum(len(_to_run(plan, config)) for config in jobs)
        CONSOLE.print(
            f"Beside the papers, on request: snakemake --cores all benchmark ({own.name}: {own.config.title}), "
            f"{left} of {sum(config.seeds for config in jobs)} seeds to run in {len(jobs)} jobs; what it takes: "
            f"benchmarks/{own.name}/README.md",
            soft_wrap=True,
        )
    return 0


def _benchmarks(plan: Plan) -> list[Dag]:
    """Return the benchmarks beside the papers; none where the user asked for some papers alone."""
    return [Dag(plan, name) for name in plan.benchmarks] if plan.settings.papers == "all" else []


def _to_run(plan: Plan, config: JobConfig) -> list[int]:
    """Return the seeds of a cell that have no record of the present code and parameters."""
    results = plan.root / "results"
    return missing_seeds(Job(config, cell_folder(results, config.cell), results, plan.root), range(config.seeds))


def _records(plan: Plan, config: JobConfig) -> list[Record]:
    """Return a cell's records; one that cannot be read is no reason not to plan."""
    try:
        return find(plan.root / "results", config.cell)
    except RecordError:
        return []


def _show(comparison: Comparison, reading: str) -> None:
    """Print published beside reproduced on the terminal."""
    which = f", reading {reading}" if reading else ""
    table = Table(title=f"{comparison.paper} at scale {comparison.scale}{which}", title_justify="left")
    for column in ("artefact", "entry", "metric", "published", "reproduced ± sd (n)", "verdict", "direction"):
        table.add_column(column)
    for row in comparison.rows:
        ours = "-" if row.ours is None else f"{row.ours.mean:.4g} ± {_sd(row.ours.sd)} ({row.ours.n})"
        p, j = row.published, row.judgement
        table.add_row(p.artefact, p.entry, p.metric, f"{p.value:g}", ours, j.verdict, j.direction)
    CONSOLE.print(table)
    for claim in comparison.claims:
        CONSOLE.print(f"{claim.claim.id}: {claim.outcome}: {claim.claim.statement}", markup=False)


def _sd(sd: float | None) -> str:
    return "?" if sd is None else f"{sd:.2g}"
