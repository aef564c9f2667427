"""What a paper's ``rules.smk`` needs to state its rules: training jobs, artefacts, comparison, and their targets.

Plain data, no Snakemake: the rules stay readable and this stays testable.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from common.workflow import locks
from common.workflow.config import ConfigError, suggest
from common.workflow.resolve import Plan, default_settings, resolve

PYTHON = shlex.quote(sys.executable)
# Before each job's command: a job that the kernel kills can say nothing itself, and its shell says "Killed", no more.
_KILLED = (
    "expunge: killed (signal 9), most likely for want of memory: run with fewer --cores, or at a smaller scale "
    "(python -m common.workflow plan shows what each job may take); given again, the command goes on where it was"
)
_TOLD = shlex.quote(f"if [ $? -eq 137 ]; then echo {shlex.quote(_KILLED)} >&2; fi")
SHELL = f"set -euo pipefail; trap {_TOLD} EXIT;"
# What a cluster's node is told of the plan it works for: on the node, `auto` could mean another device and scale.
CARRIED = "EXPUNGE_RESOLVED"
# The report's template, style and script: not Python, so the fingerprint does not see them.
_ROOT = Path(__file__).parents[2]
REPORT_FILES = sorted(
    f"common/workflow/report/{path.name}"
    for path in (Path(__file__).parent / "report").iterdir()
    if path.suffix in (".j2", ".css", ".js")
)
DOCUMENTED = sorted(
    path.relative_to(_ROOT).as_posix()
    for pattern in ("*.md", "*/*/README.md", "data/README.md", "common/**/*.py", "replications/*/method.py")
    for path in _ROOT.glob(pattern)
)


@dataclass(frozen=True)
class Training:
    """One training or evaluation job: a cell with all its seeds."""

    rule: str
    cell: str
    inputs: list[str]
    records: list[str]
    weights: list[str]
    module: str
    file: str
    code: str
    settings: dict
    threads: int
    memory_mb: int
    gpu: int


@dataclass(frozen=True)
class Drawing:
    """One figure or table: the records it draws from and the files it leaves."""

    rule: str
    artefact: str
    title: str
    module: str
    records: list[str]
    files: list[str]
    code: str


class PaperDag:
    """The jobs of one paper at the plan's scale."""

    def __init__(self, plan: Plan, paper: str) -> None:
        self.plan, self.name, self.config = plan, paper, plan.papers[paper]
        self.folder = f"figures/{plan.scale}/{paper}"

    def trainings(self) -> list[Training]:
        """Return one job per cell, those that no artefact draws from included."""
        return [
            self.training(f"{experiment}/{variant}")
            for experiment, block in self.config.experiments.items()
            for variant in block.variants
        ]

    def training(self, cell: str) -> Training:
        """Return the job of one cell; its resolved configuration is written beside its records."""
        experiment, variant = cell.split("/")
        block = self.config.experiments[experiment]
        job = self.plan.job(self.name, cell)
        inputs = [path for needed in block.needs_of(variant) for path in self._left_by(needed)]
        return Training(
            rule=f"{self.name}_{experiment}_{variant}",
            cell=cell,
            inputs=inputs,
            records=self.plan.records(self.name, cell),
            weights=self._weights(cell),
            module=block.module,
            file=self._configuration(cell),
            code=job.code,
            settings=job.identity,
            threads=block.threads,
            memory_mb=block.memory_mb,
            gpu=int(self.plan.device == "cuda"),
        )

    def drawings(self) -> list[Drawing]:
        """Return one job per artefact."""
        found = []
        for artefact, entry in self.config.artefacts.items():
            module = f"{self.config.home}.{self.name}.{'figures' if entry.kind == 'figure' else 'tables'}"
            endings = ("svg", "png") if entry.kind == "figure" else ("csv", "md")
            found.append(
                Drawing(
                    rule=f"{self.name}_{artefact}",
                    artefact=artefact,
                    title=entry.title,
                    module=module,
                    records=[path for cell in entry.cells for path in self.plan.records(self.name, cell)],
                    files=[f"{self.folder}/{artefact}.{ending}" for ending in endings],
                    code=self.plan.code(module),
                )
            )
        return found

    @property
    def records(self) -> list[str]:
        """Records that the paper's artefacts and published values rest on."""
        return sorted({path for drawing in self.drawings() for path in drawing.records} | set(self._valued()))

    @property
    def wanted(self) -> set[str]:
        """Cells that ``all`` runs: those the artefacts and published values rest on, and what these need."""
        todo = [cell for artefact in self.config.artefacts.values() for cell in artefact.cells]
        todo += [f"{s.experiment}/{s.variant}" for a in self.config.artefacts.values() for s in a.values.values()]
        found: set[str] = set()
        while todo:
            cell = todo.pop()
            if cell not in found:
                found.add(cell)
                experiment, variant = cell.split("/")
                todo += self.config.experiments[experiment].needs_of(variant)
        return found

    @property
    def artefacts(self) -> list[str]:
        """Files of all figures and tables."""
        return [path for drawing in self.drawings() for path in drawing.files]

    @property
    def comparison(self) -> list[str]:
        """Files of the comparison with the published numbers."""
        folders = [self.folder, *(f"{self.folder}/{reading}" for reading in self.config.readings)]
        names = ("comparison.csv", "comparison.md", "claims.csv")
        return [f"{folder}/{name}" for folder in folders for name in names]

    @property
    def committed(self) -> list[str]:
        """The paper's committed files that the report shows."""
        names = ["config.yaml", "published.csv", "claims.yaml", "reproduced.csv"]
        names += [f"reproduced-{reading}.csv" for reading in self.config.readings]
        paths = [f"replications/{self.name}/{name}" for name in names]
        return [path for path in paths if (self.plan.root / path).exists()]

    @property
    def places(self) -> dict[str, str]:
        """Where each published value stands in our records, as text."""
        return {
            f"{name}:{entry}": f"{s.experiment}/{s.variant}:{s.metric}"
            for name, artefact in self.config.artefacts.items()
            for entry, s in artefact.values.items()
        }

    @property
    def comparison_code(self) -> str:
        """Fingerprint of the code that judges."""
        return self.plan.code("common.evaluation.tables")

    def _configuration(self, cell: str) -> str:
        """Write a cell's resolved configuration and return its path; a disk that will not have it ends the run."""
        try:
            return self.plan.write_job(self.name, cell)
        except OSError as error:
            sys.exit(f"expunge: {error}")

    def _valued(self) -> list[str]:
        cells = {f"{s.experiment}/{s.variant}" for a in self.config.artefacts.values() for s in a.values.values()}
        return [path for cell in cells for path in self.plan.records(self.name, cell)]

    def _weights(self, cell: str) -> list[str]:
        block = self.config.experiments[cell.split("/", maxsplit=1)[0]]
        if not block.weights:
            return []
        return [str(Path(path).with_suffix(".safetensors")) for path in self.plan.records(self.name, cell)]

    def _left_by(self, cell: str) -> list[str]:
        return self.plan.records(self.name, cell) + self._weights(cell)


def benchmark_dags(plan: Plan) -> dict[str, PaperDag]:
    """Return the jobs of each benchmark that is made of experiments like a paper's, by name; no paper, no verdicts."""
    own = replace(plan, papers=plan.benchmarks)
    return {name: PaperDag(own, name) for name in own.papers}


def targets(plan: Plan) -> list[str]:
    """Return every name that may be asked for on the command line."""
    names = ["all", "report", "compare", "benchmark"]
    for dag in benchmark_dags(plan).values():
        names += [dag.name, *(d.rule for d in dag.drawings()), *(t.rule for t in dag.trainings())]
    for paper in plan.papers:
        dag = PaperDag(plan, paper)
        names += [paper, f"{paper}_compare", *(d.rule for d in dag.drawings()), *(t.rule for t in dag.trainings())]
    return names


@dataclass(frozen=True)
class Asked:
    """What was typed: the targets, whether jobs will run (no dry run, no question to Snakemake), and where.

    ``elsewhere``: a cluster's nodes run them. ``node``: nothing was typed, this is Snakemake at work on such a node.
    """

    targets: frozenset[str]
    runs: bool
    elsewhere: bool = False
    node: bool = False


def asked(argv: list[str] | None = None) -> Asked:
    """Return what Snakemake's command line asks for, which it tells a Snakefile only after reading it."""
    from snakemake.cli import parse_args

    if argv is None and Path(sys.argv[0]).name != "snakemake":
        return Asked(frozenset(), runs=False, node=True)
    with contextlib.redirect_stderr(io.StringIO()):  # it names the profile, as it did when it started
        _, options = parse_args(argv)
    elsewhere = options.executor not in (None, "local", "dryrun", "touch")
    asks = options.dryrun or options.lint or options.unlock or options.dag or options.rulegraph or options.summary
    return Asked(frozenset(options.targets or ()), not asks, elsewhere)


def start(root: Path, given: dict) -> Plan:
    """Resolve the run for Snakemake, announce it, and end with one line where something is wrong.

    ``given`` is Snakemake's config.
    """
    typed = asked()
    carried = json.loads(os.environ.get(CARRIED, "{}")) if typed.node else {}
    try:
        plan = resolve(root, {**default_settings(root), **given, **carried}, elsewhere=typed.elsewhere)
        valid = targets(plan)
        for name in sorted(typed.targets):
            if name not in valid and not name.startswith(("results/", "figures/")):
                raise ConfigError(f"target: unknown {name!r}; {suggest(name, valid)}")
    except ConfigError as error:
        sys.exit(f"expunge: {error}")
    print(plan.headline(), file=sys.stderr, flush=True)
    if typed.elsewhere:
        os.environ[CARRIED] = json.dumps({"scale": plan.scale, "device": plan.device})
    if typed.runs:
        try:
            locks.release_stale(Path.cwd())
            locks.note_run(Path.cwd())
            locks.name_the_holder(Path.cwd())
        except OSError as error:
            sys.exit(f"expunge: {error}")
    return plan
