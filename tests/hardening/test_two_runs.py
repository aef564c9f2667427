"""Two Snakemake runs at once on the same files, and a job killed under Snakemake as the kernel kills one."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from workbench import copy_checkout, run_snakemake

from common.workflow import locks

# Long enough that the other run meets it, cut short by a signal where it need not end.
LONG = "infoshape.raw.n_per_class=500,infoshape.raw.batch=100,infoshape.raw.heldout=400"
LONG += ",infoshape.raw.privacy_passes={0},infoshape.raw.utility_passes={0}"


def arguments(passes):
    settings = ("scale=quick", "papers=infoshape", "seeds=1", "checkpoint_seconds=0", f"set={LONG.format(passes)}")
    return ("--cores", "1", "infoshape_raw_thesis", "--config", *settings)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return copy_checkout(tmp_path_factory.mktemp("two") / "checkout")


@contextmanager
def started(folder, passes):
    """Run Snakemake beside the test; whatever the test finds, nothing of it is left running."""
    snakemake = Path(sys.executable).with_name("snakemake")
    run = subprocess.Popen(
        [str(snakemake), *arguments(passes)],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=(folder / "first.log").open("w"),
        env={**os.environ, "PATH": f"{snakemake.parent}:{os.environ['PATH']}"},
    )
    try:
        yield run
    finally:
        if run.poll() is None:
            for process in (*psutil.Process(run.pid).children(recursive=True), run):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            run.wait()


def job_of(run, folder):
    """Wait until the run's job has left its first checkpoint; return the job."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        if list((folder / "results/quick/infoshape/raw/thesis").glob(".checkpoint-*.safetensors")):
            for child in psutil.Process(run.pid).children(recursive=True):
                words = child.cmdline()
                if words[:1] == [sys.executable] and "replications.infoshape.experiment" in words:
                    return child
        assert run.poll() is None, (folder / "first.log").read_text()[-2000:]
        time.sleep(0.05)
    raise AssertionError("no job appeared")


def test_the_second_of_two_runs_leaves_the_first_alone_and_a_killed_job_is_named(checkout):
    record = checkout / "results/quick/infoshape/raw/thesis/seed=0.json"
    with started(checkout, 100_000) as first:
        job = job_of(first, checkout)

        second = run_snakemake(checkout, *arguments(100_000))
        assert second.returncode != 0
        (line,) = [line for line in second.stderr.splitlines() if "expunge: " in line]
        assert f"another run is making files asked for in {checkout}: process {first.pid} on this machine" in line
        assert "infoshape_raw_thesis" in line, "it says what the other was asked for"
        assert line.endswith("wait for its end, or end it, then give the command again")
        assert second.stderr.rstrip().endswith(line), "it is the last word"
        assert "cannot be locked" not in second.stderr
        assert "Traceback" not in second.stderr
        assert job.is_running()
        assert first.poll() is None

        job.send_signal(signal.SIGKILL)  # as the kernel does for its memory: 137 for the shell
        assert first.wait(timeout=300) != 0
    said = (checkout / "first.log").read_text()
    (line,) = [line for line in said.splitlines() if "Killed" in line]
    assert "replications.infoshape.experiment results/quick/infoshape/raw/thesis/config.json" in line
    (line,) = [line for line in said.splitlines() if line.startswith("expunge: ")]
    assert "killed (signal 9), most likely for want of memory: run with fewer --cores, or at a smaller scale" in line
    assert "infoshape_raw_thesis" in said
    assert not record.exists()
    assert list(record.parent.glob(".checkpoint-*.safetensors")), "what it had found is kept"

    done = run_snakemake(checkout, *arguments(3))
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(record.read_text())["status"] == "ok"


def note(folder, name, **changes):
    run = {"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()} | changes
    path = folder / ".snakemake/expunge-runs" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(run))


def test_a_lock_without_a_living_run_is_said_to_be_left_behind(tmp_path):
    assert "by no run that is known to live" in locks.refusal(tmp_path)
    note(tmp_path, os.getpid())  # the run that asks is not the one that holds
    note(tmp_path, 1, pid=2**22 + 1)
    said = locks.refusal(tmp_path)
    assert "\n" not in said
    assert "by no run that is known to live" in said
    assert "snakemake --unlock" in said


def test_a_run_on_another_machine_is_named_as_such(tmp_path):
    note(tmp_path, 7, pid=7, host="node7", command="snakemake --cores all irene")
    said = locks.refusal(tmp_path)
    assert "\n" not in said
    assert "process 7 on node7, since " in said
    assert "(snakemake --cores all irene)" in said
    assert "if it is gone already, say snakemake --unlock" in said
