"""The benchmark beside the papers is listed where a user looks for what can be run and for what was drawn."""

import shutil

import pytest
from workbench import ROOT, copy_checkout

from common.workflow import commands
from common.workflow.cost import Rates
from common.workflow.resolve import resolve


@pytest.fixture
def plan_of(tmp_path, monkeypatch):
    checkout = copy_checkout(tmp_path / "checkout")
    shutil.copytree(ROOT / "benchmarks/removal", checkout / "benchmarks/removal")
    monkeypatch.setattr(commands.cost, "rates", lambda root, device: Rates(1e9, 1e-3, 1.0, 1e9, 1e9))
    monkeypatch.setattr(commands.cost, "seconds", lambda config, seeds, rates: 1.0)
    return lambda papers: resolve(checkout, {"scale": "quick", "papers": papers})


def test_plan_names_the_target_and_what_is_left(plan_of, capsys):
    commands.plan(plan_of("all"), None)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "--cores all benchmark" in line]
    assert "removal: One attacker for all" in line
    assert "42 of 42 seeds to run in" in line
    assert "benchmarks/removal/README.md" in line
    commands.plan(plan_of("irene"), None)
    assert "--cores all benchmark" not in capsys.readouterr().out


def test_gallery_takes_its_figure(plan_of):
    plan = plan_of("all")
    drawn = plan.root / "figures/quick/removal/frontier.png"
    drawn.parent.mkdir(parents=True)
    drawn.write_bytes(b"drawn")
    commands.gallery(plan, None)
    assert (plan.root / "figures/gallery/removal_frontier.png").read_bytes() == b"drawn"
