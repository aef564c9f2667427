"""Who may write the configurations that queued jobs have yet to read: the run that starts those jobs, and no other."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest
from toy import toy_checkout
from workbench import SNAKEMAKE, run_snakemake, start_snakemake

from common.workflow import by_hand, locks
from common.workflow.config import ConfigError
from common.workflow.dag import Dag
from common.workflow.resolve import resolve

QUICK = ("--cores", "1", "--config", "scale=quick")
JUDGE = "results/quick/toy/judge/thesis/config.json"


@pytest.fixture
def checkout(tmp_path):
    return toy_checkout(tmp_path / "checkout")


def command(folder, *words):
    done = subprocess.run(
        [sys.executable, "-m", "common.workflow", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def judged(folder):
    record = json.loads((folder / "results/quick/toy/judge/thesis/seed=0.json").read_text())
    return record["params"]["k"], record["params"]["run"]["precision"]


def wait_for(path, run):
    end = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        assert run.poll() is None, f"the run ended before {path} appeared"
        time.sleep(0.02)


def test_what_looks_at_a_plan_writes_no_configuration(checkout):
    plan = resolve(checkout, {"scale": "quick"})
    assert [job.files for job in Dag(plan, "toy").trainings()][2] == [JUDGE]
    assert run_snakemake(checkout, "-n", "toy", *QUICK).returncode == 0
    for verb in ("plan", "compare"):
        command(checkout, verb, "--config", "scale=quick", "set=toy.judge.k=7")
    assert not list(checkout.rglob("results/**/config.json"))


def test_queued_jobs_of_a_living_run_keep_what_they_were_asked_for(checkout):
    """Its first job waits for a file to go; meanwhile others look at other settings, or ask for the same files."""
    (checkout / "hold").touch()
    other = ("toy.coin.wait=1,toy.judge.k=7", "precision=fp32")
    run = start_snakemake(checkout, "toy", *QUICK, "set=toy.coin.wait=1")
    try:
        wait_for(checkout / JUDGE, run)
        before = (checkout / JUDGE).read_bytes()
        settings = (*QUICK, other[1], f"set={other[0]}")
        assert run_snakemake(checkout, "-n", "toy", *settings).returncode == 0
        command(checkout, "plan", "--config", "scale=quick", other[1], f"set={other[0]}")
        refused = run_snakemake(checkout, "toy", *settings)
        assert refused.returncode != 0
        assert "another run is making files asked for" in refused.stderr
        refused = subprocess.run(
            [sys.executable, "-m", "common.workflow", "resolve", "--config", "scale=quick", f"set={other[0]}"],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode == 1
        assert f"jobs of a living run read it and it would change: process {run.pid} on this machine" in refused.stderr
        assert refused.stderr.count("\n") == 1
        assert (checkout / JUDGE).read_bytes() == before
        (checkout / "hold").unlink()
        assert run.wait(timeout=120) == 0
    finally:
        (checkout / "hold").unlink(missing_ok=True)
        run.wait(timeout=120)
    assert judged(checkout) == (1, "auto")
    assert not list((checkout / ".snakemake/expunge-runs").iterdir()), "runs that end take their notes away"
    assert run_snakemake(checkout, "toy", *settings).returncode == 0
    assert judged(checkout) == (7, "fp32")


def test_resolve_writes_for_runs_by_hand(checkout, capsys):
    plan = resolve(checkout, {"scale": "quick"})
    assert by_hand.resolve(plan) == 0
    assert f"python -m replications.toy.experiment {JUDGE}" in capsys.readouterr().out
    changed = resolve(checkout, {"scale": "quick", "set": "toy.judge.k=7"})
    assert changed.is_other("toy", "judge/thesis")
    assert not changed.is_other("toy", "coin/thesis")
    assert by_hand.resolve(changed) == 0
    assert json.loads((checkout / JUDGE).read_text())["params"]["k"] == 7


def test_what_a_living_run_awaits_is_told_with_its_run(checkout, monkeypatch):
    locks.note_run(checkout, [JUDGE])
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: 1)  # whoever asks is another
    assert list(locks.awaited(checkout)) == [JUDGE]
    with pytest.raises(ConfigError, match=f"{JUDGE}: jobs of a living run read it.*process {pid}"):
        by_hand.resolve(resolve(checkout, {"scale": "quick"}))
    assert not (checkout / JUDGE).exists()
    locks.forget_run(checkout, pid)
    assert list(locks.awaited(checkout)) == [JUDGE], "a fork of the run is not the run"
    monkeypatch.undo()
    locks.forget_run(checkout, pid)
    assert locks.awaited(checkout) == {}


def test_a_run_without_hooks_would_have_no_configurations(checkout):
    done = run_snakemake(checkout, "toy", "--no-hooks", *QUICK)
    assert done.returncode == 1
    assert "expunge: --no-hooks: " in done.stderr


@pytest.mark.parametrize("starter", [(sys.executable, "-m", "snakemake"), (str(SNAKEMAKE),)])
def test_the_lock_of_a_living_run_stands_however_it_was_started(checkout, starter):
    """Beside what a killed run left: were the living one not noted, its lock would go for the killed one's."""
    notes = checkout / ".snakemake/expunge-runs"
    notes.mkdir(parents=True)
    (notes / "1.json").write_text(json.dumps({"host": socket.gethostname(), "pid": 1, "started": 1.0}))
    (checkout / "hold").touch()
    run = start_snakemake(checkout, "toy", *QUICK, "set=toy.coin.wait=1", command=starter)
    try:
        wait_for(checkout / JUDGE, run)
        second = run_snakemake(checkout, "toy", *QUICK, "set=toy.coin.wait=1")
        assert second.returncode != 0
        assert (
            f"another run is making files asked for in {checkout}: process {run.pid} on this machine" in second.stderr
        )
        assert "its lock is released" not in second.stderr
    finally:
        (checkout / "hold").unlink()
        assert run.wait(timeout=120) == 0
    assert not list(notes.iterdir())
