"""A killed Snakemake, and a killed job, at several moments: the next run ends with the records of a quiet one."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from workbench import copy_checkout, run_snakemake

SMALL = ",".join(
    f"infoshape.{experiment}.{key}"
    for experiment, keys in {
        "raw": ["n_per_class=500", "batch=200", "privacy_passes=150", "utility_passes=150", "heldout=400"],
        "encoder_a": ["n_per_class=500", "batch=200", "privacy_passes=20", "utility_passes=20", "heldout=400"],
        "classifier": ["n_per_class=500", "batch=200", "epochs=20"],
    }.items()
    for key in keys
)
ARGUMENTS = (
    "--cores",
    "1",
    "infoshape_classifier_thesis",
    "--config",
    "scale=quick",
    "seeds=2",
    "papers=infoshape",
    "checkpoint_seconds=0",
)
ARGUMENTS = (*ARGUMENTS, f"set={SMALL}")
CELLS = ("raw", "encoder_a", "classifier")


def records(folder):
    """Return every record without what may differ between two runs: times, memory, and where it was run from."""
    found = {}
    for cell in CELLS:
        for seed in (0, 1):
            record = json.loads((folder / f"results/quick/infoshape/{cell}/thesis/seed={seed}.json").read_text())
            for key in ("started", "seconds", "peak_memory_mb"):
                del record["provenance"][key]
            found[cell, seed] = record
    return found


def weights(folder):
    return [(folder / f"results/quick/infoshape/encoder_a/thesis/seed={s}.safetensors").read_bytes() for s in (0, 1)]


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    folder = copy_checkout(tmp_path_factory.mktemp("quiet") / "checkout")
    done = run_snakemake(folder, *ARGUMENTS)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def start(folder):
    snakemake = Path(sys.executable).with_name("snakemake")
    return subprocess.Popen(
        [str(snakemake), *ARGUMENTS],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "PATH": f"{snakemake.parent}:{os.environ['PATH']}"},
    )


def job_of(run, module, timeout=240):
    """Wait for the run's job of a module and return its process."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        for child in psutil.Process(run.pid).children(recursive=True):
            try:
                if f"replications.infoshape.{module}" in child.cmdline():
                    return child
            except psutil.NoSuchProcess:
                continue
        if run.poll() is not None:
            break
        time.sleep(0.02)
    raise AssertionError(f"no job of {module} appeared")


def wait_for(path, run, timeout=240):
    end = time.monotonic() + timeout
    while not list(path.parent.glob(path.name)):
        assert time.monotonic() < end, f"{path} did not appear"
        assert run.poll() is None, f"the run ended before {path} appeared"
        time.sleep(0.01)


def test_killed_at_three_moments_by_snakemake_and_by_job(quiet, tmp_path):
    folder = copy_checkout(tmp_path / "checkout")
    results = folder / "results/quick/infoshape"

    run = start(folder)  # 1. Snakemake, while the first job has just begun; its orphan lives on
    job_of(run, "experiment")
    run.kill()
    run.wait()

    run = start(folder)  # 2. the job, in the middle of its fits: Snakemake fails, the checkpoint stays
    wait_for(results / "raw/thesis/.checkpoint-*.safetensors", run)
    job_of(run, "experiment").send_signal(signal.SIGKILL)
    assert run.wait(timeout=300) != 0

    run = start(folder)  # 3. both, in the middle of the encoder's training
    wait_for(results / "encoder_a/thesis/.checkpoint-*.safetensors", run)
    time.sleep(0.3)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert not (results / "classifier/thesis/seed=0.json").exists()

    done = run_snakemake(folder, *ARGUMENTS)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "the last run was killed" in done.stderr
    assert records(folder) == records(quiet)
    assert weights(folder) == weights(quiet)
    assert not list(results.rglob(".checkpoint-*"))
    assert not [path for path in results.rglob(".*") if path.is_file()], "no half-written file is left"


def test_the_lock_of_a_living_run_is_respected(quiet):
    import socket

    from common.workflow import locks

    lock = quiet / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(exist_ok=True)
    lock.write_text("x")
    try:
        locks.note_run(quiet)  # this very process is the run
        assert not locks.release_stale(quiet)
        note = quiet / f".snakemake/expunge-runs/{os.getpid()}.json"
        other = note.with_name("1.json")
        own = {"host": socket.gethostname(), "pid": os.getpid(), "started": 1.0}  # same number, another process
        other.write_text(json.dumps(own))
        assert not locks.release_stale(quiet), "one of the two lives"
        assert lock.exists()
        assert not other.exists(), "the dead one's note goes"
        note.write_text(json.dumps(own | {"host": "elsewhere"}))
        assert not locks.release_stale(quiet), "who lives elsewhere is not judged"
        for broken in ("{", "[1]", json.dumps(own)):
            lock.write_text("x")
            note.write_text(broken)
            assert locks.release_stale(quiet)
            assert not lock.exists()
            assert not note.exists()
    finally:
        lock.unlink(missing_ok=True)
