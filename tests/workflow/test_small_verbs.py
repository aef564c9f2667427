"""Verbs that have nothing to do, or nobody to tell."""

import os
import subprocess
import sys

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
