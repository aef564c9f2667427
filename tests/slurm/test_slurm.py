"""The same DAG through Slurm: started by ``make test-slurm``, skipped where its plugin or its programs are not."""

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from cluster import cluster, lacking
from workbench import copy_checkout

from common.workflow.dag import Dag
from common.workflow.resolve import cuda_found, default_settings, resolve

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("snakemake_executor_plugin_slurm") is None,
    reason="Snakemake's way to Slurm is not in this environment; make test-slurm has one",
)

SETTINGS = {"scale": "quick", "papers": "infoshape", "seeds": "1"}
ONE_NODE = (
    "--slurm-status-command",
    "squeue",  # the node keeps no accounts, and so no history of jobs but its queue's
    "--slurm-init-seconds-before-status-checks",
    "3",
    "--latency-wait",
    "10",
    "--retries",
    "0",
)


@pytest.fixture(scope="module")
def node():
    if lacking():
        pytest.skip(f"Slurm is not here: {', '.join(lacking())} lack; apt-get install slurmctld slurmd munge as root")
    folder = Path(tempfile.mkdtemp(prefix="expunge-slurm-"))
    folder.chmod(0o711)  # munge wants a socket that everyone could reach
    try:
        with cluster(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return copy_checkout(tmp_path_factory.mktemp("slurm") / "checkout")


def snakemake(node, checkout, *targets, **settings):
    """Run targets with the committed profile and what one node needs besides."""
    command = [str(Path(sys.executable).with_name("snakemake")), "--workflow-profile", "profiles/slurm", *targets]
    command += [*ONE_NODE, "--config", *(f"{key}={value}" for key, value in settings.items())]
    done = subprocess.run(
        command, cwd=checkout, env=node.environment, capture_output=True, text=True, timeout=900, check=False
    )
    print(done.stderr)  # shown where the test fails, or with -s
    return done


def submitted(node, rule):
    """Return the jobs of a rule as Slurm keeps them."""
    return [job for job in node.jobs() if job.get("Comment", "").endswith(rule)]


def planned(checkout, rule, **settings):
    plan = resolve(checkout, {**default_settings(checkout), **settings}, elsewhere=True)
    (job,) = [job for job in Dag(plan, "infoshape").trainings() if job.rule == rule]
    return job


def test_an_artefact_through_slurm_with_the_plan_s_requests(node, checkout):
    """Two training jobs, each with what the plan asks for, then a table from records written on the node."""
    done = snakemake(node, checkout, "infoshape_failures_conv", "infoshape_eq3_5", **SETTINGS)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (checkout / "figures/quick/infoshape/eq3_5.csv").exists()
    record = json.loads((checkout / "results/quick/infoshape/closed_forms/thesis/seed=0.json").read_text())
    assert record["status"] == "ok"
    for rule in ("infoshape_closed_forms_thesis", "infoshape_failures_conv"):
        wanted = planned(checkout, rule, **SETTINGS)
        (job,) = submitted(node, rule)
        assert job["JobState"] == "COMPLETED"
        assert job["MinMemoryNode"].removesuffix("M") == str(wanted.memory_mb)
        assert job["NumCPUs"] == str(wanted.threads)
        assert "TresPerJob" not in job, "no GPU is asked for where the plan has none"
    (table,) = submitted(node, "infoshape_eq3_5")
    assert table["MinMemoryNode"] == "1000M", "figures and tables take the profile's default"


def test_a_second_run_through_slurm_has_nothing_to_do(node, checkout):
    done = snakemake(node, checkout, "infoshape_failures_conv", "infoshape_eq3_5", **SETTINGS)
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_plan_for_cuda_asks_slurm_for_a_gpu(node, checkout):
    """The request reaches Slurm, and the node is told the device; without a driver there it says so in one line."""
    settings = {**SETTINGS, "device": "cuda"}
    wanted = planned(checkout, "infoshape_correlation_thesis", **settings)
    assert wanted.gpu == 1
    done = snakemake(node, checkout, "infoshape_correlation_thesis", **settings)
    (job,) = submitted(node, "infoshape_correlation_thesis")
    assert job["TresPerJob"] in ("gres:gpu:1", "gres/gpu:1")
    assert job["MinMemoryNode"] == f"{wanted.memory_mb}M"
    if cuda_found():
        assert done.returncode == 0, done.stderr[-3000:]
    else:
        assert job["JobState"] == "FAILED"
        (log,) = (checkout / ".snakemake/slurm_logs/rule_infoshape_correlation_thesis").glob("*.log")
        assert log.read_text() == (
            "expunge: config: device: 'cuda', but no CUDA device is found; valid here: auto, cpu\n"
        )
