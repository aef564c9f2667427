"""Every new job kind starts at scale `paper`: full shapes, full batches, the first steps."""

import importlib
import math
from dataclasses import fields
from pathlib import Path

import pytest

from common.training.checkpoint import save_tensors
from common.training.seeding import generator
from common.workflow.job import Job
from common.workflow.resolve import default_settings, resolve
from replications.infoshape import method

# Only lengths are cut: rows, batches, widths and estimators stay those of the protocol.
CUT = {
    "failures.iterations": 2,
    "staircase.steps": 2,
    "staircase.judged": 1,
    "staircase.shown_every": 1,
    "bounds.epochs": 1,
    "bounds_b.epochs": 1,
    "attacker.epochs": 1,
    "channel.judged": 50,
    "channel_linear.passes": 1,
    "channel_linear.judged": 50,
    "channel_linear.final_batches": 2,
    "channel_linear.draws": 500,
    "alternatives.encoder_epochs": 2,
    "alternatives.privacy_steps": 1,
    "alternatives.utility_steps": 1,
    "alternatives.final_batches": 2,
    "alternatives.probe_epochs": 1,
}
CELLS = [
    "failures/conv",
    "failures/dense_large",
    "staircase/thesis",
    "bounds/thesis",
    "bounds_b/repository",
    "attacker/thesis",
    "channel/thesis",
    "channel_linear/thesis",
    "alternatives/smile",
    "alternatives/alpha001",
]


@pytest.fixture(scope="module")
def plan(root):
    cut = ",".join(f"infoshape.{key}={value}" for key, value in CUT.items())
    return resolve(
        root, {**default_settings(root), "scale": "paper", "papers": "infoshape", "device": "cpu", "set": cut}
    )


def leave_encoders(job, seed):
    """Write an untrained encoder where each experiment that the job needs would have left its states."""
    net = method.encoder([generator("infoshape", "encoder", seed)])
    epochs = [0, 5, 9, 10]
    kept = {f"{epoch}:{name}": value[0].clone() for epoch in epochs for name, value in net.state_dict().items()}
    for cell in job.config.needs:
        save_tensors(job.weights_path(seed, cell), kept, {"epochs": epochs})


@pytest.mark.parametrize("cell", CELLS)
def test_first_steps(cell, plan, root, tmp_path):
    config = plan.job("infoshape", cell)
    assert config.cell.scale == "paper"
    job = Job(config, tmp_path / "job", tmp_path / "results", Path(root))
    leave_encoders(job, 0)
    outcomes, origin, _ = importlib.import_module(config.module).run(job, [0])
    assert outcomes[0].metrics
    assert all(map(math.isfinite, outcomes[0].metrics.values()))
    assert origin.name in (config.dataset, "correlated-gaussians")


def test_the_plan_knows_what_each_would_cost(plan):
    from common.workflow.cost import seconds
    from common.workflow.rates import Rates

    known = {"seconds_per_step": 1e-3, "start_seconds": 3.0}
    rates = Rates(**{field.name: known.get(field.name, 5e10) for field in fields(Rates)})
    for cell in CELLS:
        assert 3 < seconds(plan.job("infoshape", cell), 3, rates) < 24 * 3600
