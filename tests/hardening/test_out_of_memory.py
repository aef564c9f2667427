"""Too little memory: an allocation that fails is one line, and a job that the kernel kills goes on where it was."""

import os
import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import torch
from cells import configuration, run

from common.results import read
from common.training.checkpoint import load_tensors
from common.workflow.start import SHELL

PROGRAM = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
import torch
from cells import ORIGIN
from common.training.checkpoint import Checkpoint
from common.workflow.job import Outcome, main

appetite = int(sys.argv[3])

def experiment(job, seeds):
    checkpoint = Checkpoint(job.checkpoint_path(seeds))
    found = checkpoint.resume()
    steps = found[1]["steps"] if found else 0
    checkpoint.save({"a": torch.ones(3)}, {"steps": steps + 1})
    hoard = []
    for _ in range(appetite):
        hoard.append(bytearray(b"x") * (1 << 20))
    if "KILL" in os.environ:
        os.kill(os.getpid(), signal.SIGKILL)
    return {seed: Outcome({"steps": float(steps + 1)}) for seed in seeds}, ORIGIN, "fp32"

sys.exit(main([sys.argv[1], "--results", sys.argv[2]], experiment, Path(sys.argv[1]).parents[2], "test"))
"""


class MemoryGroup:
    """A group of processes with a limit on their memory together, in either layout of the kernel's groups."""

    def __init__(self, megabytes):
        name = f"expunge-{uuid.uuid4().hex[:8]}"
        base = Path("/sys/fs/cgroup")
        self.old = (base / "memory").is_dir()
        self.folder = base / ("memory" if self.old else "") / name
        self.folder.mkdir()
        limit = self.folder / ("memory.limit_in_bytes" if self.old else "memory.max")
        try:
            limit.write_text(str(megabytes << 20))
        except OSError:
            self.folder.rmdir()
            raise

    def enter(self):
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def kills(self):
        text = (self.folder / ("memory.oom_control" if self.old else "memory.events")).read_text()
        return dict(line.split() for line in text.splitlines()).get("oom_kill", "0")


@pytest.fixture
def group():
    try:
        made = MemoryGroup(800)
    except OSError:
        yield None
        return
    yield made
    made.folder.rmdir()


def job(path, results, root, appetite, enter=None, **environment):
    words = [sys.executable, "-c", PROGRAM, str(path), str(results), str(appetite), str(root / "tests/workflow")]
    return subprocess.run(
        words,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), **environment},
        preexec_fn=enter,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_job_that_is_killed_for_its_memory_goes_on(tmp_path, root, group):
    """By the kernel where a group of limited memory can be made, else by the signal that is all a job sees of it."""
    path, results = configuration(tmp_path), tmp_path / "results"
    if group is None:
        killed = job(path, results, root, 0, KILL="1")
    else:
        killed = job(path, results, root, 4000, enter=group.enter)
        assert int(group.kills()) >= 1, "it was the kernel"
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    cell = results / "quick/p/e/v"
    (checkpoint,) = cell.glob(".checkpoint-*.safetensors")
    assert load_tensors(checkpoint)[1] == {"steps": 1}
    left = {checkpoint.name, checkpoint.with_suffix(".clock.json").name}
    assert {entry.name for entry in cell.iterdir()} == left, "no record, no half of one"
    done = job(path, results, root, 0)
    assert done.returncode == 0, done.stderr
    assert read(cell / "seed=1.json").metrics == {"steps": 2.0}
    assert sorted(entry.name for entry in cell.iterdir()) == ["seed=0.json", "seed=1.json"]


@pytest.mark.parametrize(
    ("environment", "asked"),
    [({}, ""), ({"SLURM_MEM_PER_NODE": "4000"}, " (memory_mb in its config.yaml asked for 4000 MB)")],
)
def test_a_rule_s_shell_says_what_its_killed_job_cannot(environment, asked):
    kept = {name: value for name, value in os.environ.items() if name != "SLURM_MEM_PER_NODE"} | environment
    for command, told in (("sh -c 'kill -9 $$' 2>&1 | cat", True), ("sh -c 'exit 3' | cat", False)):
        done = subprocess.run(
            ["bash", "-c", f"{SHELL} {command}"], env=kept, capture_output=True, text=True, check=False
        )
        assert done.returncode == (137 if told else 3)
        said = [line for line in done.stderr.splitlines() if line.startswith("expunge: ")]
        assert len(said) == told
        assert all(f"for want of memory{asked}: run with" in line for line in said)


def test_a_job_that_failed_by_itself_is_quoted_without_those_words():
    """Snakemake repeats the whole command, the prefix too, in what it says of a failure."""
    assert "memory" not in SHELL
    assert "signal" not in SHELL


def test_a_checkout_s_path_may_hold_what_shells_take_for_more(root, tmp_path):
    checkout = tmp_path / "a lab's $HOME"
    shutil.copytree(root / "common", checkout / "common", ignore=shutil.ignore_patterns("__pycache__"))
    words = [sys.executable, "-c", "from common.workflow.start import SHELL; print(SHELL)"]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    prefix = subprocess.run(words, cwd=checkout, env=environment, capture_output=True, text=True, check=True).stdout
    assert "a lab" in prefix
    command = ["bash", "-c", f"{prefix.strip()} sh -c 'kill -9 $$'"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 137
    assert "expunge: killed (signal 9)" in done.stderr


def refused(seed):
    raise MemoryError


@pytest.mark.parametrize("appetite", [lambda seed: bytearray(1 << 60), lambda seed: torch.empty(1 << 50), refused])
def test_an_allocation_that_fails_is_one_line(tmp_path, appetite, capsys):
    assert run(configuration(tmp_path), tmp_path / "results", appetite) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("e/v: not enough memory (")
    assert "--seeds" in said
    assert not list((tmp_path / "results").rglob("seed=*"))


def test_another_error_is_not_taken_for_it(tmp_path):
    def broken(seed):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        run(configuration(tmp_path), tmp_path / "results", broken)
