"""A training process killed outright, and its successor."""

import os
import signal
import subprocess
import sys
import time

import torch

from common.training.checkpoint import load_tensors

PROGRAM = """
import sys, time
from functools import partial
from pathlib import Path
import torch
from common.models.stacked_norm import stacked_network
from common.training.batches import Batches
from common.training.checkpoint import Checkpoint, save_tensors
from common.training.machine import Machine
from common.training.parts import Part
from common.training.routing import Route
from common.training.schedules import Cosine
from common.training.seeding import generator
from common.training.state import end_of
from common.training.trainer import Trainer

folder, pause = Path(sys.argv[1]), float(sys.argv[2])
seeds = (1, 2, 3)
net = stacked_network((5, 16, 1), [generator(s, "init") for s in seeds], norm="batch")
rows = {"x": torch.randn(64, 5, generator=generator("x"))}

def step(batch):
    time.sleep(pause)
    out = net(batch["x"]).squeeze(-1)
    yield [Route((out - batch["x"].prod(-1)).square().mean(1), ("all",), "fit")]

part = Part("all", net, partial(torch.optim.AdamW, lr=0.01), Cosine(0.1))
source = Batches(rows, 16, [generator(s, "order") for s in seeds])
trainer = Trainer(net, [part], step, source, epochs=30, machine=Machine(torch.device("cpu"), None), members=3)
trainer.run(Checkpoint(folder / "checkpoint", interval=0.0))
tensors, notes = end_of(trainer)
save_tensors(folder / "end", tensors, {"history": notes["history"], "steps": notes["steps"]})
"""


def start(folder, pause, root):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder), str(pause)], cwd=root, env=environment)


def test_a_process_killed_in_mid_run_leaves_a_successor_that_ends_the_same(tmp_path, root, monkeypatch):
    undisturbed, killed = tmp_path / "a", tmp_path / "b"
    undisturbed.mkdir()
    killed.mkdir()
    victim = start(killed, 0.5, root)
    deadline = time.monotonic() + 600
    while not (killed / "checkpoint").exists():
        assert victim.poll() is None, "it ended before it had saved anything"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.8)  # in the middle of a step, an epoch, or a save
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    steps = load_tensors(killed / "checkpoint")[1]["steps"]
    assert 0 < steps < 120
    assert not (killed / "end").exists()
    assert start(killed, 0, root).wait(timeout=300) == 0
    monkeypatch.setattr(sys, "argv", ["program", str(undisturbed), "0"])
    exec(PROGRAM, {})  # noqa: S102
    (ours, found), (wanted, expected) = (load_tensors(folder / "end") for folder in (killed, undisturbed))
    assert found == expected
    assert found["steps"] == 120
    assert ours.keys() == wanted.keys()
    for name, value in wanted.items():
        assert torch.equal(ours[name], value), name
