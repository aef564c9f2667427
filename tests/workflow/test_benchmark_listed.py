"""The benchmark beside the papers is listed where a user looks for what can be run and for what was drawn."""

import shutil

import pytest
from workbench import ROOT, copy_checkout

from common.training.progress import clock
from common.workflow import by_hand, commands, planning
from common.workflow.pages import drawn_beside
from common.workflow.rates import Rates
from common.workflow.resolve import resolve


@pytest.fixture
def plan_of(tmp_path, monkeypatch):
    checkout = copy_checkout(tmp_path / "checkout")
    shutil.copytree(ROOT / "benchmarks/removal", checkout / "benchmarks/removal")
    monkeypatch.setattr(planning, "measured_rates", lambda root, device, precision: Rates(1e9, 1e-3, 1.0, 1e9, 1e9))
    monkeypatch.setattr(planning.cost, "seconds", lambda config, seeds, rates, read: 1.0)
    return lambda papers: resolve(checkout, {"scale": "quick", "papers": papers})


def test_plan_lists_its_jobs_and_their_sum(plan_of, capsys):
    planning.show_plan(plan_of("all"))
    lines = [line.split("│")[1:] for line in capsys.readouterr().out.splitlines() if "│ removal" in line]
    assert len(lines) == 42 + 1
    assert {line[2].strip() for line in lines[:-1]} == {"benchmark"}
    assert {line[3].strip() for line in lines[:-1]} == {"1 of 1"}
    assert lines[-1][1].strip() == "benchmark, one job after another"
    assert lines[-1][4].strip() == clock(42.0)
    planning.show_plan(plan_of("irene"))
    assert "removal" not in capsys.readouterr().out


def test_gallery_takes_its_figure(plan_of):
    plan = plan_of("all")
    drawn = plan.root / "figures/quick/removal/frontier.png"
    drawn.parent.mkdir(parents=True)
    drawn.write_bytes(b"drawn")
    commands.gallery(plan)
    assert (plan.root / "figures/gallery/removal_frontier.png").read_bytes() == b"drawn"


def test_its_cells_can_be_run_by_hand(plan_of, capsys):
    by_hand.resolve(plan_of("all"))
    line = "python -m benchmarks.removal.evaluate results/quick/removal/adult_attack/irene/config.json"
    assert line in capsys.readouterr().out.splitlines()


def test_the_report_is_told_what_was_drawn_of_it(plan_of):
    plan = plan_of("irene")
    assert drawn_beside(plan) == {}
    drawn = plan.root / "figures/quick/removal/attackers.csv"
    drawn.parent.mkdir(parents=True)
    drawn.write_bytes(b"drawn")
    before = drawn_beside(plan)
    assert list(before) == ["figures/quick/removal/attackers.csv"]
    drawn.write_bytes(b"drawn again")
    assert drawn_beside(plan) != before
