"""A seed that diverged in one job has no numbers in those that build on it, and costs no other seed its own."""

import importlib
from pathlib import Path

import pytest
from handmade import PROVENANCE

from common.results import Cell, Origin, Record, read_at, write
from common.workflow.config import load_yaml
from common.workflow.job import Outcome
from common.workflow.resolve import default_settings, resolve

ROOT = Path(__file__).resolve().parents[2]
ORIGIN = Origin(name="d", kind="generated", sha256="0" * 64)
LATER = [
    (path.parent.name, experiment)
    for path in sorted(ROOT.glob("replications/*/config.yaml"))
    for experiment, block in load_yaml(path)["experiments"].items()
    if block.get("needs")
]


@pytest.fixture(scope="module")
def plan():
    given = {"scale": "quick", "data": "standin", "device": "cpu", "seeds": 3}
    return resolve(ROOT, {**default_settings(ROOT), **given})


@pytest.mark.parametrize(("paper", "experiment"), LATER)
def test_a_job_runs_the_seeds_that_nothing_it_needs_has_lost(plan, paper, experiment, tmp_path, monkeypatch):
    variant = next(iter(plan.papers[paper].experiments[experiment].variants))
    job = plan.job(paper, f"{experiment}/{variant}")
    lost = job.needs[-1]
    for needed in job.needs:
        name, of = needed.split("/")
        cell = Cell(paper=paper, experiment=name, variant=of, scale="quick")
        left = plan.job(paper, needed)
        made = PROVENANCE.model_copy(update={"code": left.code})
        for seed in range(3):
            told = {"status": "diverged", "message": "step 5: loss is nan"} if (needed, seed) == (lost, 1) else {}
            common = {"dataset": ORIGIN, "params": left.identity, "provenance": made, "metrics": {}}
            write(tmp_path, Record(**cell.model_dump(), seed=seed, **common, **told))
    ran = []

    def run(at_work, seeds):
        ran.extend(seeds)
        return {seed: Outcome({"value": float(seed)}) for seed in seeds}, ORIGIN, "fp32"

    module = importlib.import_module(job.module)
    monkeypatch.setattr(module, "run", run)
    path = tmp_path / "config.json"
    path.write_text(job.model_dump_json(), encoding="utf-8")
    assert module.main([str(path), "--results", str(tmp_path)]) == 0
    assert ran == [0, 2]
    found = [read_at(tmp_path, job.cell, seed) for seed in range(3)]
    assert [record.status for record in found] == ["ok", "diverged", "ok"]
    assert (found[1].message, found[1].metrics) == (f"{lost}: step 5: loss is nan", {})
    weights = tmp_path / "quick" / paper / experiment / variant / "seed=1.safetensors"
    assert weights.exists() == job.weights, "the workflow waits for what is declared, and later jobs pass it by"
