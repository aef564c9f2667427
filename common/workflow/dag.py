"""What the rules state: training jobs, artefacts and comparison of each paper and benchmark, and their targets.

Plain data, no Snakemake: the rules stay readable and this stays testable.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain, groupby
from pathlib import Path

from common.workflow.config import cells_of
from common.workflow.resolve import Plan

PYTHON = shlex.quote(sys.executable)
STYLE = "common/plotting/style.mplstyle"  # code of every figure, though no Python


@dataclass(frozen=True)
class Training:
    """One training or evaluation job: a cell with all its seeds, or several cells that one process makes in turn.

    ``files`` are the resolved configurations, one per cell; ``common.workflow.configurations`` writes them.
    """

    rule: str
    cell: str
    inputs: list[str]
    records: list[str]
    weights: list[str]
    module: str
    files: list[str]
    code: str
    settings: dict
    threads: int
    memory_mb: int
    gpu: int


@dataclass(frozen=True)
class Drawing:
    """One figure or table: the records it draws from, what a figure may draw beside them, and the files it leaves."""

    rule: str
    artefact: str
    title: str
    module: str
    records: list[str]
    files: list[str]
    code: str
    printed: str


class Dag:
    """The jobs of one paper at the plan's scale, or of one benchmark whose ``config.yaml`` has a paper's form."""

    def __init__(self, plan: Plan, name: str) -> None:
        self.plan, self.name, self.config = plan, name, plan.config(name)
        self.folder = f"figures/{plan.scale}/{name}"

    def trainings(self) -> list[Training]:
        """Return one job per cell, those that no artefact draws from included."""
        return [
            self.training(f"{experiment}/{variant}")
            for experiment, block in self.config.experiments.items()
            for variant in block.variants
        ]

    def processes(self) -> list[Training]:
        """Return the jobs as they are started: a process per cell, or one for the cells that a scale makes together."""
        joined = self.joined()
        shared = [self._as_one(name, list(jobs)) for name, jobs in groupby(joined, _experiment)]
        return [job for job in self.trainings() if job not in joined] + shared

    def joined(self) -> list[Training]:
        """Return the jobs of single cells that share a process: what may still be asked for one by one.

        Cells that are made on request alone are not among them.
        """
        blocks, wanted = self.config.experiments, self.wanted
        together = {name for name, block in blocks.items() if block.scales[self.plan.scale].together}
        return [job for job in self.trainings() if job.cell in wanted and _experiment(job) in together]

    def training(self, cell: str) -> Training:
        """Return the job of one cell."""
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
            files=[self.plan.configuration(self.name, cell)],
            code=job.code,
            settings=job.identity,
            threads=block.threads,
            memory_mb=block.memory_at(self.plan.scale),
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
                    code=self._drawn_by(module) if entry.kind == "figure" else self.plan.code(module),
                    printed=self._printed(artefact) if entry.kind == "figure" else "",
                )
            )
        return found

    @property
    def records(self) -> list[str]:
        """Records that artefacts and published values rest on."""
        return sorted({path for cell in self._shown() for path in self.plan.records(self.name, cell)})

    @property
    def compared(self) -> list[str]:
        """Records that the comparison waits for: those above, and a further reading's that ``all`` makes anyway."""
        cells = self._shown() | (self._read_further() & self.wanted)
        return sorted({path for cell in cells for path in self.plan.records(self.name, cell)})

    @property
    def compared_beside(self) -> dict[str, str]:
        """Return digests of a further reading's other records, where they are on disk.

        The comparison takes what is there. Were they its inputs, ``all`` would train what is made on request alone.
        """
        cells = sorted(self._read_further() - self.wanted)
        return digests(self.plan.root, [path for cell in cells for path in self.plan.records(self.name, cell)])

    @property
    def wanted(self) -> set[str]:
        """Cells that ``all`` runs: those the artefacts and published values rest on, and what these need."""
        todo = list(self._shown())
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
        """Files of the comparison with the published numbers, which a benchmark has none of."""
        if self.config.home == "benchmarks":
            return []
        folders = [self.folder, *(f"{self.folder}/{reading}" for reading in self.config.readings)]
        names = ("comparison.csv", "comparison.md", "claims.csv")
        return [f"{folder}/{name}" for folder in folders for name in names]

    @property
    def committed(self) -> list[str]:
        """A paper's committed files that the report shows."""
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
    def own_rules(self) -> list[str]:
        """The file of rules that this folder alone has, if it has one."""
        path = f"{self.config.home}/{self.name}/rules.smk"
        return [path] if (self.plan.root / path).exists() else []

    @property
    def targets(self) -> list[str]:
        """Every name that may be asked for of this paper or benchmark."""
        names = [self.name, *(d.rule for d in self.drawings()), *(t.rule for t in self.trainings())]
        names += dict.fromkeys(f"{self.name}_{_experiment(job)}" for job in self.joined())
        if self.comparison:
            names.append(f"{self.name}_compare")
        for path in self.own_rules:
            names += re.findall(r"^rule (\w+)", (self.plan.root / path).read_text(encoding="utf-8"), flags=re.M)
        return names

    @property
    def comparison_code(self) -> str:
        """Fingerprints of the code that judges, and of what takes claims over into a reading."""
        return " ".join(map(self.plan.code, ("common.evaluation.tables", "common.workflow.reading")))

    def _as_one(self, experiment: str, jobs: list[Training]) -> Training:
        """Return one job that does what the jobs of an experiment's cells do."""

        def all_of(lists: Iterable[list[str]]) -> list[str]:
            return list(dict.fromkeys(chain.from_iterable(lists)))

        return replace(
            jobs[0],
            rule=f"{self.name}_{experiment}",
            cell=experiment,
            inputs=all_of(job.inputs for job in jobs),
            records=all_of(job.records for job in jobs),
            weights=all_of(job.weights for job in jobs),
            files=all_of(job.files for job in jobs),
            settings={job.cell: job.settings for job in jobs},
        )

    def _shown(self) -> set[str]:
        """Return the cells that an artefact draws from, or that a published value stands in."""
        artefacts = self.config.artefacts.values()
        drawn = {cell for artefact in artefacts for cell in artefact.cells}
        return drawn | {f"{s.experiment}/{s.variant}" for artefact in artefacts for s in artefact.values.values()}

    def _read_further(self) -> set[str]:
        """Return the cells that the paper's further readings are sought in."""
        return {cell for cell in cells_of(self.config) if cell.split("/")[1] in self.config.readings}

    def _drawn_by(self, module: str) -> str:
        """Return the fingerprint of a figure's code, with a digest of the style that it is drawn in."""
        return " ".join([self.plan.code(module), *digests(self.plan.root, [STYLE]).values()])

    def _printed(self, artefact: str) -> str:
        """Return a digest of the artefact's own lines of ``published.csv``: an edited number redraws that figure."""
        path = self.plan.root / self.config.home / self.name / "published.csv"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        own = "\n".join(line for line in lines if line.startswith(f"{artefact},"))
        return hashlib.sha256(own.encode()).hexdigest()[:16]

    def _weights(self, cell: str) -> list[str]:
        block = self.config.experiments[cell.split("/", maxsplit=1)[0]]
        if not block.weights:
            return []
        return [str(Path(path).with_suffix(".safetensors")) for path in self.plan.records(self.name, cell)]

    def _left_by(self, cell: str) -> list[str]:
        return self.plan.records(self.name, cell) + self._weights(cell)


def _experiment(job: Training) -> str:
    return job.cell.split("/", maxsplit=1)[0]


def digests(root: Path, paths: Iterable[str]) -> dict[str, str]:
    """Return a digest of each of the files that is on disk: what a job takes as it finds it."""
    found = [path for path in paths if (root / path).exists()]
    return {path: hashlib.sha256((root / path).read_bytes()).hexdigest()[:16] for path in found}


def dags(plan: Plan) -> list[Dag]:
    """Return the papers chosen, then the benchmarks."""
    return [Dag(plan, name) for name in (*plan.papers, *plan.benchmarks)]


def listed(plan: Plan) -> list[Dag]:
    """Return the papers chosen, and the benchmarks where none was chosen by name."""
    return dags(plan) if plan.settings.papers == "all" else [Dag(plan, name) for name in plan.papers]


def files(plan: Plan) -> list[str]:
    """Return every file that a rule of :mod:`common.workflow` makes at the plan's scale."""
    found = [f"figures/{plan.scale}/report/index.html", f"figures/{plan.scale}/report/docs/index.html"]
    for own in dags(plan):
        found += chain.from_iterable([*job.records, *job.weights] for job in own.trainings())
        found += [*own.artefacts, *own.comparison]
    return found


def targets(plan: Plan) -> list[str]:
    """Return every name that may be asked for on the command line."""
    return ["all", "report", "docs", "compare", "benchmark", *(name for dag in dags(plan) for name in dag.targets)]
