"""The disk is full in mid-write: one line, the old files whole, no halves, and a rerun once there is room."""

import os
import subprocess
import sys

import pytest
import torch
from cells import configuration, files, run
from workbench import copy_checkout, run_snakemake

from common.results.atomic import write_atomically
from common.training.checkpoint import Checkpoint

ARRAY = """
import sys
from pathlib import Path
import numpy as np
from common.data.caching import cached
from common.data.errors import DataError

def build(sink):
    sink.put("labels", np.arange(10))
    sink.create("images", (int(sys.argv[2]),), np.uint8)[:] = 7

try:
    cached(Path(sys.argv[1]), "toy", "key", build)
except DataError as error:
    sys.exit(str(error))
"""


def test_records_on_a_full_disk(tmp_path, small_disk, fill, capsys):
    assert run(configuration(tmp_path), small_disk) == 0
    before = files(small_disk)
    filler = fill(small_disk)
    changed = configuration(tmp_path, version=2)
    assert run(changed, small_disk) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "No space left on device; it cannot be written: make room" in said
    assert "seed=0.json" in said
    filler.unlink()
    assert files(small_disk) == before
    assert run(changed, small_disk) == 0
    assert files(small_disk) != before


def test_records_beyond_the_limit_on_file_sizes(tmp_path, file_limit, capsys):
    results = tmp_path / "results"
    assert run(configuration(tmp_path), results) == 0
    before = files(results)
    with file_limit(4096):
        assert run(configuration(tmp_path, version=2), results) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "File too large; it cannot be written" in said
    assert "seed=0.json" in said
    assert files(results) == before


def test_a_checkpoint_that_finds_no_room_leaves_the_last_one(tmp_path, file_limit):
    checkpoint = Checkpoint(tmp_path / "checkpoint", interval=0.0)
    checkpoint.save({"weights": torch.arange(10.0)}, {"steps": 1})
    with file_limit(4096), pytest.raises(OSError, match=r"it cannot be written: make room.*checkpoint") as caught:
        checkpoint.save({"weights": torch.zeros(10_000)}, {"steps": 2})
    assert "\n" not in str(caught.value)
    tensors, notes = checkpoint.resume()
    assert torch.equal(tensors["weights"], torch.arange(10.0))
    assert notes == {"steps": 1}
    assert os.listdir(tmp_path) == ["checkpoint"]


@pytest.mark.parametrize("room", ["disk", "limit"])
def test_decoded_arrays_that_find_no_room(request, tmp_path, root, room):
    """In a process of its own: a map over a hole in a full disk would kill it at its first write (SIGBUS)."""
    folder = request.getfixturevalue("small_disk") if room == "disk" else tmp_path
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))\n"

    def decode(size):
        program = (limit if room == "limit" and size > 4096 else "") + ARRAY
        return subprocess.run(
            [sys.executable, "-c", program, str(folder), str(size)],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )

    failed = decode(8 << 20)
    assert failed.returncode == 1, f"killed by signal {-failed.returncode}"
    assert failed.stderr.count("\n") == 1
    assert "the arrays cannot be kept" in failed.stderr
    assert "make room" in failed.stderr
    assert not list((folder / "data/generated/toy").iterdir()), "nothing half-made is left"
    done = decode(1000)
    assert done.returncode == 0, done.stderr


def test_a_dag_whose_configurations_find_no_room_ends_in_one_line(tmp_path, fill, small_disk):
    checkout = copy_checkout(tmp_path / "checkout")
    (checkout / "results").symlink_to(small_disk)
    fill(small_disk)
    asked = ("--cores", "1", "infoshape_closed_forms_thesis", "--config", "scale=quick", "papers=infoshape")
    done = run_snakemake(checkout, *asked)
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("expunge: ")]
    assert len(said) == 1
    assert "cannot be written: make room" in said[0]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("content", ["", "x" * 10_000])
def test_a_write_without_room_says_the_file_that_was_meant(tmp_path, file_limit, content):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with file_limit(100):
        if content:
            with pytest.raises(OSError, match=r"a\.txt") as caught:
                write_atomically(path, content)
            assert caught.value.filename == str(path)
        else:
            write_atomically(path, content)
    assert path.read_text() == ("old" if content else "")
    assert os.listdir(tmp_path) == ["a.txt"]
