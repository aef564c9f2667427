"""A job stopped after any of its checkpoints ends with the numbers of one that was left alone."""

import importlib
from pathlib import Path

import pytest

from common.training.checkpoint import Checkpoint
from common.workflow.job import Job
from common.workflow.resolve import default_settings, resolve

SMALL = {
    "alternatives.n_per_class": 200,
    "alternatives.encoder_epochs": 3,
    "alternatives.privacy_steps": 3,
    "alternatives.utility_steps": 2,
    "alternatives.final_batches": 2,
    "alternatives.probe_batch": 50,
    "alternatives.probe_epochs": 2,
    "channel_linear.n_per_class": 500,
    "channel_linear.heldout": 1000,
    "channel_linear.judged": 50,
    "channel_linear.draws": 200,
    "channel_linear.passes": 3,
    "channel_linear.final_batches": 2,
}


def run(cell, root, folder):
    small = ",".join(f"infoshape.{key}={value}" for key, value in SMALL.items())
    settings = {"papers": "infoshape", "device": "cpu", "checkpoint_seconds": 0, "set": small}
    config = resolve(root, {**default_settings(root), **settings}).job("infoshape", cell)
    job = Job(config, folder / "job", folder / "results", Path(root))
    outcomes, _, _ = importlib.import_module(config.module).run(job, [0, 1])
    return {seed: outcome.metrics for seed, outcome in outcomes.items()}


@pytest.mark.parametrize(
    ("cell", "after"),
    [
        ("alternatives/alpha05", 1),
        ("alternatives/alpha05", 3),
        ("channel_linear/thesis", 2),
        ("channel_linear/thesis", 4),
    ],
)
def test_it_goes_on_where_it_stopped(cell, after, root, tmp_path, monkeypatch):
    saves = []
    save = Checkpoint.save

    def counted(self, tensors, notes):
        save(self, tensors, notes)
        saves.append(notes)
        if len(saves) == stop_after:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", counted)
    stop_after = None
    quiet = run(cell, root, tmp_path / "quiet")
    expected = len(saves)
    saves.clear()
    stop_after = after
    with pytest.raises(KeyboardInterrupt):
        run(cell, root, tmp_path / "stopped")
    assert run(cell, root, tmp_path / "stopped") == quiet
    assert len(saves) == expected, "nothing was done twice"
