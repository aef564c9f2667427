"""A plan for a cluster: GPU and memory from the plan, the node told what was resolved, the pins in step."""

import json
import os
import re
import sys

import pytest
import yaml

from common.workflow import start as starting
from common.workflow.config import ConfigError
from common.workflow.dag import Dag
from common.workflow.resolve import cuda_found, default_settings, resolve
from common.workflow.start import CARRIED, Asked, asked, start

GIVEN = {"scale": "quick", "papers": "infoshape", "device": "cuda"}


def test_cuda_may_be_planned_for_elsewhere(root):
    settings = {**default_settings(root), **GIVEN}
    trainings = Dag(resolve(root, settings, elsewhere=True), "infoshape").trainings()
    assert {job.gpu for job in trainings} == {1}
    assert all(job.memory_mb > 0 and job.threads > 0 for job in trainings)
    if not cuda_found():
        with pytest.raises(ConfigError, match="no CUDA device is found"):
            resolve(root, settings)


def test_a_node_works_by_the_plan_that_it_was_sent_for(root, monkeypatch, capsys):
    """On a login node ``auto`` meant the CPU; a node with a GPU must not take it for another scale and device."""
    monkeypatch.setenv(CARRIED, "{}")  # so that it is put back
    monkeypatch.setattr(starting, "asked", lambda: Asked(frozenset(), runs=False, elsewhere=True))
    start(root, {"papers": "infoshape", "device": "cpu"})
    carried = json.loads(os.environ[CARRIED])
    assert carried == {"scale": "quick", "device": "cpu"}
    monkeypatch.setattr(starting, "asked", lambda: Asked(frozenset(), runs=False, node=True))
    monkeypatch.setattr("common.workflow.resolve.cuda_found", lambda: True)
    plan = start(root, {"papers": "infoshape"})
    assert (plan.scale, plan.device) == ("quick", "cpu")
    monkeypatch.setattr(starting, "asked", lambda: Asked(frozenset(), runs=False))
    assert start(root, {"papers": "infoshape"}).device == "cuda", "what was carried is for nodes alone"


@pytest.mark.parametrize("mode", ["remote", "subprocess"])
def test_a_worker_is_told_from_a_user(root, monkeypatch, mode):
    """By what Snakemake says to itself: a user may start it as a module, too."""
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "argv", ["/env/lib/snakemake/__main__.py", "--cores", "1", "--mode", mode])
    assert asked() == Asked(frozenset(), runs=False, node=True)
    monkeypatch.setattr(sys, "argv", ["/env/lib/snakemake/__main__.py", "--cores", "1", "docs"])
    assert asked() == Asked(frozenset({"docs"}), runs=True)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (["--cores", "1", "all"], Asked(frozenset({"all"}), runs=True)),
        (["-n", "--workflow-profile", "none"], Asked(frozenset(), runs=False)),
        (["--executor", "local", "--cores", "1"], Asked(frozenset(), runs=True)),
    ],
)
def test_what_was_typed(root, monkeypatch, typed, found):
    monkeypatch.chdir(root)
    assert asked(typed) == found


def test_pins_of_slurm_s_environment(root):
    lines = [line for line in (root / "requirements-slurm.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9.]+", line) for line in lines)
    (snakemake,) = [line for line in lines if line.startswith("snakemake==")]
    assert snakemake in (root / "requirements.txt").read_text().splitlines()


def test_the_slurm_profile_keeps_the_rules_of_the_default_one(root):
    """Snakemake takes one profile or the other: what must hold for every run stands in both."""
    default, slurm = (yaml.safe_load((root / f"profiles/{p}/config.yaml").read_text()) for p in ("default", "slurm"))
    del default["resources"]  # one GPU: Slurm's queue counts its own
    assert {key: slurm[key] for key in default} == default
    assert slurm["executor"] == "slurm"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("figures/quick/infoshape/fig4_33.png", "did you mean 'figures/quick/infoshape/fig4_3.png'"),
        ("results/quick/infoshape/raw/thesis/sed=0.json", "'results/quick/infoshape/raw/thesis/seed=0.json'"),
        ("figures/paper/infoshape/fig4_3.png", "at scale quick; did you mean 'figures/quick/infoshape/fig4_3.png'"),
        ("figures/x", "no job makes 'figures/x' at scale quick; snakemake --list names the targets"),
    ],
)
def test_a_misspelt_path_is_answered_as_a_misspelt_target_is(root, monkeypatch, path, said):
    monkeypatch.setattr(starting, "asked", lambda: Asked(frozenset({path}), runs=False))
    with pytest.raises(SystemExit) as ended:
        start(root, {"scale": "quick", "device": "cpu"})
    assert str(ended.value).startswith("expunge: target: no job makes ")
    assert said in str(ended.value)


def test_a_path_that_a_job_makes_is_taken(root, monkeypatch):
    paths = ("figures/quick/infoshape/fig4_3.png", "figures/quick/report/index.html", "figures/quick/irene/claims.csv")
    monkeypatch.setattr(starting, "asked", lambda: Asked(frozenset(paths), runs=False))
    start(root, {"scale": "quick", "device": "cpu"})


@pytest.mark.parametrize(("scale", "memory"), [("paper", 36_000), ("reduced", 8_000)])
def test_a_scale_may_ask_for_memory_of_its_own(root, scale, memory):
    plan = resolve(root, {**default_settings(root), "papers": "irene", "device": "cpu", "scale": scale})
    faces = [job for job in Dag(plan, "irene").trainings() if job.cell.startswith("celeba")]
    assert {job.memory_mb for job in faces} == {memory}
