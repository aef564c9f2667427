"""A further reading's comparison follows its records, which are made on request alone."""

import csv

import pytest
import yaml
from toy import toy_checkout
from workbench import run_snakemake

from common.workflow.dag import Dag
from common.workflow.resolve import resolve

QUICK = ("--cores", "1", "--config", "scale=quick")


@pytest.fixture
def checkout(tmp_path):
    return toy_checkout(tmp_path / "checkout")


def reproduced(folder):
    with (folder / "figures/quick/toy/repo/comparison.csv").open() as lines:
        (row,) = csv.DictReader(lines)
    return row["verdict"]


def test_records_made_later_are_compared(checkout):
    for target in ("toy", "toy_coin_repo"):
        assert run_snakemake(checkout, target, *QUICK).returncode == 0
    assert reproduced(checkout) == "not run"
    again = run_snakemake(checkout, "toy", *QUICK)
    assert again.returncode == 0, again.stderr
    assert "rule toy_coin" not in again.stderr, "nothing is trained anew"
    assert reproduced(checkout) != "not run"
    assert "Nothing to be done" in run_snakemake(checkout, "toy", *QUICK).stderr


def test_what_is_made_anyway_is_waited_for_and_the_rest_is_not(checkout):
    own = Dag(resolve(checkout, {"scale": "quick"}), "toy")
    assert own.compared == own.records
    assert own.compared_beside == {}
    record = checkout / "results/quick/toy/coin/repo/seed=0.json"
    record.parent.mkdir(parents=True)
    record.write_text("made")
    (found,) = own.compared_beside.items()
    assert found[0] == "results/quick/toy/coin/repo/seed=0.json"
    record.write_text("made again")
    assert own.compared_beside != dict([found])

    home = checkout / "replications/toy/config.yaml"
    content = yaml.safe_load(home.read_text())
    content["experiments"]["judge"]["needs"] = ["coin/thesis", "coin/repo"]
    home.write_text(yaml.safe_dump(content))
    own = Dag(resolve(checkout, {"scale": "quick"}), "toy")
    assert set(own.compared) - set(own.records) == {"results/quick/toy/coin/repo/seed=0.json"}
    assert own.compared_beside == {}
