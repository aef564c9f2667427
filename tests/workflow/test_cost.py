import sys
from types import ModuleType, SimpleNamespace

import pytest

from common.workflow import cost
from common.workflow.config import ConfigError
from common.workflow.cost import Work
from common.workflow.rates import Rates

RATES = Rates(flop_per_second=1e9, seconds_per_step=0.01, start_seconds=3.0, conv_per_second=4e9, large_per_second=8e9)


def test_a_stack_shares_its_steps_and_seeds_in_turn_do_not():
    assert cost.estimate(Work(100, 2e9), 5, RATES) == pytest.approx(3 + 1 + 5 * 2)
    assert cost.estimate(Work(100, 2e9, stacked=False), 5, RATES) == pytest.approx(3 + 5 + 5 * 2)


def test_convolutions_go_at_their_own_rates():
    assert cost.estimate(Work(0, 0, conv_flop=8e9, large_flop=8e9), 2, RATES) == pytest.approx(3 + 2 * (2 + 1))


def test_finished_records_are_held_against_the_estimate(monkeypatch):
    """Two seeds of one run and one that was added later: two runs, each with its own wall time."""
    monkeypatch.setattr(cost, "seconds", lambda config, seeds, rates, read: 10.0 * seeds)
    runs = [("09:00", 31.0), ("09:00", 31.2), ("11:00", 12.0)]
    records = [SimpleNamespace(provenance=SimpleNamespace(started=s, seconds=t)) for s, t in runs]
    assert cost.finished(None, records, RATES) == (30.0, pytest.approx(43.2))
    assert cost.finished(None, [], RATES) == (0.0, 0.0)


def test_work_is_said_beside_the_experiment_and_knows_what_it_reads(monkeypatch):
    """By its own module or its folder's ``cost.py``; a reader's parameters lie over those of what it reads."""
    told = []
    beside = SimpleNamespace(work=lambda experiment, p: told.append((experiment, p)) or Work(0, 1e9))
    monkeypatch.setitem(sys.modules, "home.p.evaluate", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "home.p.cost", beside)
    config = SimpleNamespace(module="home.p.evaluate", cell=SimpleNamespace(experiment="e"), params={"folds": 3})
    assert cost.seconds(config, 2, RATES, {"folds": 9, "rows": 7}) == pytest.approx(3 + 2)
    assert told == [("e", {"folds": 3, "rows": 7})]


def test_a_paper_without_costs_is_one_line(monkeypatch):
    config = SimpleNamespace(module="home.p.evaluate", cell=SimpleNamespace(experiment="e"), params={})
    for package in ("home", "home.p"):
        monkeypatch.setitem(sys.modules, package, ModuleType(package))
    monkeypatch.setitem(sys.modules, "home.p.evaluate", SimpleNamespace())
    monkeypatch.setattr(sys.modules["home.p"], "__path__", [], raising=False)
    with pytest.raises(ConfigError, match=r"^home/p/cost\.py: no work\(experiment, params\) there; ") as error:
        cost.seconds(config, 1, RATES)
    assert "\n" not in str(error.value)
    monkeypatch.setitem(sys.modules, "home.p.cost", ModuleType("home.p.cost"))
    with pytest.raises(ConfigError, match=r"home/p/cost\.py"):
        cost.seconds(config, 1, RATES)
