"""Resolves a run: which papers, scale and device, and the full configuration of each cell, as files."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from common.results import Cell, store
from common.results.atomic import write_atomically
from common.results.processor import has_bf16_products
from common.workflow.config import (
    ConfigError,
    PaperConfig,
    as_mapping,
    benchmark_names,
    load_paper,
    load_yaml,
    resolve_params,
)
from common.workflow.datasets import check_datasets
from common.workflow.fingerprint import fingerprint
from common.workflow.job import JobConfig
from common.workflow.settings import RunConfig, check_overrides, run_config, select_papers
from common.workflow.upstream import digest_of


@cache
def cuda_found() -> bool:
    """Return whether a CUDA driver shows a device, without importing torch (which costs a second at each start)."""
    import ctypes

    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


@dataclass(frozen=True)
class Plan:
    """A resolved run: settings, scale, device, and the papers with their cells, and the benchmarks with theirs.

    ``paper`` is the name of either in what follows: a benchmark's records lie beside the papers', under its name.
    """

    root: Path
    settings: RunConfig
    scale: str
    device: str
    papers: dict[str, PaperConfig]
    benchmarks: dict[str, PaperConfig] = field(default_factory=dict)
    _codes: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def config(self, paper: str) -> PaperConfig:
        """Return what a paper, or a benchmark, says of itself."""
        return self.papers[paper] if paper in self.papers else self.benchmarks[paper]

    def code(self, module: str) -> str:
        """Return a module's fingerprint as it was when this plan first asked: a plan is of one moment."""
        if module not in self._codes:
            try:
                self._codes[module] = fingerprint(module, self.root)
            except ModuleNotFoundError as error:
                raise ConfigError(f"{error}: a config.yaml needs it") from None
        return self._codes[module]

    def seeds(self, paper: str, experiment: str) -> list[int]:
        """Return the seeds of an experiment at this scale."""
        own = self.config(paper).experiments[experiment].scales[self.scale].seeds
        return list(range(self.settings.seeds or own))

    def cell(self, paper: str, name: str) -> Cell:
        """Return the cell ``experiment/variant`` of a paper."""
        experiment, variant = name.split("/")
        return Cell(paper=paper, experiment=experiment, variant=variant, scale=self.scale)

    def records(self, paper: str, name: str) -> list[str]:
        """Return the paths of a cell's records, relative to the checkout."""
        folder = store.cell_folder(Path("results"), self.cell(paper, name))
        return [str(folder / f"seed={seed}.json") for seed in self.seeds(paper, name.split("/", maxsplit=1)[0])]

    def job(self, paper: str, name: str) -> JobConfig:
        """Return the resolved configuration of a cell."""
        experiment, variant = name.split("/")
        block = self.config(paper).experiments[experiment]
        params = resolve_params(self.config(paper), experiment, variant, self.scale, self.settings.set)
        upstream = [self.job(paper, needed) for needed in block.needs_of(variant)]
        return JobConfig(
            cell=self.cell(paper, name),
            module=block.module,
            code=self.code(block.module),
            seeds=len(self.seeds(paper, experiment)),
            dataset=block.dataset,
            needs=block.needs_of(variant),
            upstream=digest_of((u.code, u.identity) for u in upstream) if upstream else "",
            weights=block.weights,
            params=params,
            device=self.device,
            precision=self.settings.precision,
            data=self.settings.data,
            data_mirrors=self.settings.data_mirrors,
            checkpoint_seconds=self.settings.checkpoint_seconds,
        )

    def params_read(self, paper: str, name: str) -> dict[str, Any]:
        """Return the parameters of the cells that a cell reads; where several have a key, the first one's."""
        found: dict[str, Any] = {}
        for needed in self.job(paper, name).needs:
            found = {**self.job(paper, needed).params, **found}
        return found

    def configuration(self, paper: str, name: str) -> str:
        """Return the path of a cell's resolved configuration, beside its records, relative to the checkout."""
        return str(store.cell_folder(Path("results"), self.cell(paper, name)) / "config.json")

    def is_other(self, paper: str, name: str) -> bool:
        """Return whether the configuration on disk is not this plan's."""
        path = self.root / self.configuration(paper, name)
        return not path.exists() or path.read_text(encoding="utf-8") != self._text(paper, name)

    def write_job(self, paper: str, name: str) -> str:
        """Write a cell's resolved configuration, if it changed; return its path.

        For those alone who run the job: another run's queued jobs may have yet to read the file.
        """
        path = self.configuration(paper, name)
        if self.is_other(paper, name):
            write_atomically(self.root / path, self._text(paper, name))
        return path

    def _text(self, paper: str, name: str) -> str:
        return self.job(paper, name).model_dump_json(indent=1) + "\n"

    def headline(self) -> str:
        """Return the line that every run starts with."""
        why = "set" if self.settings.scale != "auto" else ("CUDA found" if self.device == "cuda" else "no CUDA found")
        emulated = self.settings.precision == "bf16" and self.device == "cpu" and not has_bf16_products()
        slow = " (this processor only emulates it, far slower than fp32)" if emulated else ""
        data = {"auto": "real where at hand", "real": "real only", "standin": "stand-ins only"}[self.settings.data]
        return (
            f"Expunge: scale {self.scale} ({why}), device {self.device}, precision {self.settings.precision}{slow}, "
            f"data {data}, papers {', '.join(self.papers)}"
        )


def resolve(root: Path, given: dict[str, Any], *, elsewhere: bool = False) -> Plan:
    """Resolve a run from the settings given (``config/default.yaml`` under what the user said).

    ``elsewhere``: a cluster's nodes run the jobs, and what they have is not for this machine to say.
    """
    root = Path(root)
    settings = run_config(given)
    device = settings.device if settings.device != "auto" else ("cuda" if cuda_found() else "cpu")
    if device == "cuda" and not elsewhere and not cuda_found():
        raise ConfigError("config: device: 'cuda', but no CUDA device is found; valid here: auto, cpu")
    scale = settings.scale if settings.scale != "auto" else ("paper" if device == "cuda" else "quick")
    papers = {name: load_paper(root, name) for name in select_papers(root, settings.papers)}
    benchmarks = {name: load_paper(root, name, "benchmarks") for name in benchmark_names(root)}
    check_datasets([*papers.values(), *benchmarks.values()])
    check_overrides([*papers.values(), *benchmarks.values()], settings.set)
    plan = Plan(root, settings, scale, device, papers, benchmarks)
    for paper in (*papers.values(), *benchmarks.values()):
        for experiment, block in paper.experiments.items():
            for variant in block.variants:
                resolve_params(paper, experiment, variant, scale, settings.set)
    return plan


def default_settings(root: Path) -> dict[str, Any]:
    """Return what ``config/default.yaml`` says; without one this is no checkout, or not its root."""
    path = Path(root) / "config" / "default.yaml"
    if not path.exists():
        raise ConfigError(f"{path}: no such file; run this in the checkout's root")
    content = load_yaml(path)
    return {} if content is None else as_mapping(content, "config/default.yaml", ", ".join(RunConfig.model_fields))
