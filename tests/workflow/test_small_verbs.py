"""Verbs that have nothing to do, or nobody to tell."""

import os
import subprocess
import sys

import pytest
from toy import toy_checkout

from common.workflow.commands import gallery
from common.workflow.resolve import resolve


def test_a_gallery_of_nothing_says_so(tmp_path, capsys):
    plan = resolve(toy_checkout(tmp_path / "checkout"), {"scale": "quick"})
    assert gallery(plan) == 1
    assert capsys.readouterr().out == "gallery: no figure is drawn at scale quick; snakemake draws them\n"


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "common.workflow", "resolve", "--config", "scale=quick"]
    done = subprocess.run(
        command, cwd=toy_checkout(tmp_path / "checkout"), stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


START = "from pathlib import Path; from common.workflow.start import start; start(Path.cwd(), {'scale': 'quick'})"


@pytest.mark.parametrize("command", [("-m", "common.workflow", "verify"), ("-c", START, "--dryrun", "--cores", "1")])
def test_a_slip_in_the_registry_of_data_is_one_line(tmp_path, command):
    folder = toy_checkout(tmp_path / "checkout")
    registry = folder / "data/registry.yaml"
    registry.write_text(registry.read_text().replace("licence:", "license:", 1))
    done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr[-2000:]
    assert done.stderr.startswith("expunge: ")
    assert "data/registry.yaml: sets." in done.stderr
