"""What a job pays before its first line of work: heavy libraries are loaded where they are used, and nowhere else."""

import subprocess
import sys

import pytest
import torch

from common.workflow.fingerprint import closure
from common.workflow.lean import spare_the_compiler

HEAVY = ("matplotlib", "pandas", "requests", "scipy.stats", "sklearn", "torch._dynamo", "torchvision")


def loaded(root, program):
    """Return which heavy libraries a fresh interpreter has loaded once ``program`` has run."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys; print(*[m for m in {(*HEAVY, 'torch')} if m in sys.modules])"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("program", "needed"),
    [
        (
            "import common.workflow.configurations, common.workflow.job, common.workflow.start, common.workflow.pages",
            [],
        ),
        ("import common.data.catalogue", []),
        ("import common.estimators.neural, common.models.resnet, common.training.trainer", ["torch"]),
    ],
)
def test_what_a_job_imports_before_its_work(root, program, needed):
    assert loaded(root, program) == needed


def steps():
    """Return the weights that a few steps leave, and the optimiser's state carried over to a second one."""
    weights = []
    for kind in (torch.optim.Adam, torch.optim.SGD):
        net = torch.nn.Linear(4, 3)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.copy_(torch.linspace(-1, 1, parameter.numel()).reshape(parameter.shape))
        optimiser = kind(net.parameters(), lr=0.1)
        for turn in range(4):
            if turn == 2:
                state, optimiser = optimiser.state_dict(), kind(net.parameters(), lr=0.1)
                optimiser.load_state_dict(state)
            optimiser.zero_grad()
            net(torch.linspace(0, 1, 8).reshape(2, 4)).pow(2).sum().backward()
            optimiser.step()
        assert all(parameter.requires_grad for parameter in net.parameters())
        weights += [parameter.detach().clone() for parameter in net.parameters()]
    return weights


def test_optimisers_without_the_compiler_step_as_they_did(root, tmp_path):
    """In processes of their own: this one may have been spared it already."""
    program = (
        "import sys, torch\nsys.path[:0] = ['tests/workflow', '.']\n"
        "from test_start_up import spare_the_compiler, steps\n"
    )
    as_it_was, spared = tmp_path / "as_it_was.pt", tmp_path / "spared.pt"
    assert "torch._dynamo" in loaded(root, f"{program}torch.save(steps(), {str(as_it_was)!r})")
    twice = "spare_the_compiler(); steps(); spare_the_compiler()"
    assert "torch._dynamo" not in loaded(root, f"{program}{twice}; torch.save(steps(), {str(spared)!r})")
    for one, other in zip(torch.load(as_it_was), torch.load(spared), strict=True):
        assert torch.equal(one, other)


def test_what_is_spared_is_still_there_for_who_compiles():
    spare_the_compiler()
    steps()
    double = torch.compile(lambda x: 2 * x, backend="eager")
    assert torch.equal(double(torch.ones(2)), torch.full((2,), 2.0))


def test_what_is_imported_late_counts_in_a_fingerprint(root):
    """Every module that a job may load for its data is part of its code, whenever it is loaded."""
    behind = closure("replications.irene.experiment", root)
    for name in ("readers.adult", "readers.fairface", "standins.faces", "standins.tables", "download"):
        assert f"common.data.{name}" in behind
    assert "common.models.residual" in behind
