"""``accept`` and ``regress`` as typed: what moved is said and fails, and no verdict changes without its line."""

import json
import shutil

import pytest
from golden_house import HEAD, PAPER, QUICK, copy_records, edit_records, move

from common.evaluation.regression import band
from common.evaluation.reproduced import read_reproduced
from common.workflow.__main__ import main
from common.workflow.regress import LACKING, MOVED


def test_what_stands_as_accepted_passes(accepted, capsys):
    assert main(["regress", *PAPER]) == 0
    said = capsys.readouterr().out
    assert "golden: 9 of 9 rows at paper stand as accepted" in said
    assert said.endswith("regress: nothing moved at paper\n")


def test_nothing_accepted_is_no_pass(house, capsys):
    assert main(["regress", *PAPER]) == 1
    assert "no number is accepted at scale paper" in capsys.readouterr().err


def test_a_number_outside_its_band_fails(accepted, capsys):
    move(accepted, "encoder/trained", lambda seed: 0.98 + 0.005 * seed)
    assert main(["regress", *PAPER]) == 1
    said = capsys.readouterr().out
    assert "golden: table1:trained:auc:paper: 0.99 is outside [0.893959, 0.986041]" in said
    assert "where 0.94 was accepted" in said
    assert main(["regress", *QUICK]) == 0, "the other scale's records are as they were"


def test_a_record_that_lacks_fails_and_is_told_from_one_that_moved(accepted, capsys):
    shutil.rmtree(accepted / "results/paper/golden/encoder/random")
    assert main(["regress", *PAPER]) == LACKING
    said = capsys.readouterr().out
    assert "golden: table1: 1 accepted, but no record of them is here" in said
    assert "golden: 8 of 9 rows at paper stand as accepted, their verdicts apart" in said, "one lost its reference"
    assert "golden: 1 of 1 claims at paper end as accepted, 1 have no record here" in said
    assert said.endswith("regress: nothing moved at paper, 2 have no record here\n"), "a number and a claim"

    move(accepted, "encoder/trained", lambda seed: 0.98 + 0.005 * seed)
    assert main(["regress", *PAPER]) == MOVED
    assert capsys.readouterr().out.endswith("regress: 2 moved at paper, 2 have no record here\n")


def test_other_data_and_speeds_are_not_held(accepted, capsys):
    path = accepted / "replications/golden/reproduced.csv"
    text = path.read_text()
    path.write_text(text.replace("digits-data (STAND-IN)", "digits-data (real)"))
    move(accepted, "digits/conv", lambda seed: 0.5)
    assert main(["regress", *PAPER]) == 0
    assert (
        "golden: 1 not held: accepted on digits-data (real), this run is on digits-data (STAND-IN)"
        in capsys.readouterr().out
    )


def test_a_verdict_changes_only_with_its_line(accepted, capsys):
    path = accepted / "replications/golden/reproduced.csv"
    before = path.read_text()
    move(accepted, "encoder/weight100", lambda seed: 0.775 + 0.002 * seed)  # inside the wide band of this row
    assert main(["regress", *PAPER]) == 1
    assert "table1:weight100:auc:paper: underpowered was accepted, now reproduced" in capsys.readouterr().out

    assert main(["accept", *PAPER]) == 1
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "say why in CORRECTIONS.md" in said.err
    assert path.read_text() == before, "a refused change leaves the file alone"

    lines = [line for line in said.out.splitlines() if line.startswith("| 20")]
    assert lines
    (accepted / "CORRECTIONS.md").write_text(HEAD + "".join(f"{line}\n" for line in lines))
    assert main(["accept", *PAPER]) == 1
    assert "why: is empty" in capsys.readouterr().err

    told = [line.removesuffix("|  |") + "| the seeds were read from the wrong file |" for line in lines]
    (accepted / "CORRECTIONS.md").write_text(HEAD + "".join(f"{line}\n" for line in told))
    assert main(["regress", *PAPER]) == 0, "the line is there: the change is known"
    assert main(["accept", *PAPER]) == 0
    assert path.read_text() != before
    assert main(["regress", *PAPER]) == 0


def test_an_order_at_quick_may_cross_its_level_but_not_turn_round(accepted, capsys):
    path = accepted / "replications/golden/reproduced.csv"
    rows = path.read_text().splitlines()
    (old,) = [row for row in rows if row.startswith("table1,trained") and ",quick," in row]
    mean, holds = float(old.split(",")[3]), old.split(",")[-1]
    assert holds.startswith("holds")
    for seed_path in sorted((accepted / "results/quick/golden/encoder/trained").glob("seed=*.json")):
        record = json.loads(seed_path.read_text())
        record["metrics"]["auc"] = mean + 0.2 * (record["seed"] - 2)  # the same mean, too far apart for any order
        seed_path.write_text(json.dumps(record))
    assert main(["regress", *QUICK]) == 0
    said = capsys.readouterr().out  # its own order, and that of the row held to it
    assert "2 orders crossed p = 5 % within their bands, and did not turn round" in said

    copy_records(accepted, "quick")
    turned = old.replace("direction only", "underpowered").replace(holds, "reversed (p=0.010)")
    path.write_text(path.read_text().replace(old, turned))
    assert main(["regress", *QUICK]) == 1
    assert "underpowered was accepted, now direction only" in capsys.readouterr().out


def test_a_claim_that_turned_is_said_and_needs_its_line(accepted, capsys):
    """G-C1 holds on the golden records; here another outcome was accepted."""
    path = accepted / "replications/golden/judged.csv"
    path.write_text(path.read_text().replace("G-C1,paper,holds", "G-C1,paper,fails"))
    assert main(["regress", *PAPER]) == 1
    said = capsys.readouterr().out
    line = "| golden | claim:G-C1 | paper | fails | holds |  |"
    assert "golden: claim G-C1: fails was accepted, now holds; CORRECTIONS.md needs | 20" in said
    assert line in said
    assert "golden: 1 of 2 claims at paper end as accepted" in said
    assert "regress: 1 moved at paper" in said

    before = path.read_text()
    assert main(["accept", *PAPER]) == 1
    assert line in capsys.readouterr().out
    assert path.read_text() == before, "a refused change leaves the file alone"
    (accepted / "CORRECTIONS.md").write_text(HEAD + "| 2026-11-22 " + line.replace("|  |", "| a slip of the test |\n"))
    assert main(["regress", *PAPER]) == 0
    assert main(["accept", *PAPER]) == 0
    assert "G-C1,paper,holds" in path.read_text()


def test_a_claim_that_turned_at_quick_is_said_and_no_more(accepted, capsys):
    path = accepted / "replications/golden/judged.csv"
    path.write_text(path.read_text().replace("G-C1,quick,holds", "G-C1,quick,fails"))
    assert main(["regress", *QUICK]) == 0
    assert "golden: claim G-C1: fails was accepted, now holds\n" in capsys.readouterr().out


def test_a_claim_without_records_keeps_its_outcome(accepted):
    path = accepted / "replications/golden/judged.csv"
    shutil.rmtree(accepted / "results/paper/golden/encoder/random")
    before = path.read_text()
    assert main(["accept", *PAPER]) == 0
    assert path.read_text() == before


def moved_at_quick(house, cell, by):
    """Move the finished seeds of a cell at scale quick."""
    for path in sorted((house / "results/quick/golden" / cell).glob("seed=*.json")):
        record = json.loads(path.read_text())
        if record["metrics"]:
            record["metrics"]["auc"] += by
            path.write_text(json.dumps(record))


def half_band(house, entry):
    rows = read_reproduced(house / "replications/golden/reproduced.csv")
    (old,) = [row for row in rows if row.key == ("table1", entry, "auc", "quick")]
    return band(old, old.n)[1] - old.mean


@pytest.mark.parametrize(("share", "status"), [(1.2, 0), (2.2, 1)])
def test_at_quick_one_number_may_leave_its_band_by_little(accepted, capsys, share, status):
    moved_at_quick(accepted, "encoder/random", share * half_band(accepted, "random"))
    assert main(["regress", *QUICK]) == status
    said = capsys.readouterr().out
    assert "table1:random:auc:quick" in said
    assert "is outside" in said
    assert ("1 of these left by little, and no more of them than chance brings" in said) is (status == 0)


def test_at_quick_more_than_chance_brings_fail(accepted, capsys):
    """Two rows of the nine are the trained encoder's: two of nine outside is less than one run in a hundred."""
    moved_at_quick(accepted, "encoder/trained", 1.2 * half_band(accepted, "trained"))
    assert main(["regress", *QUICK]) == 1
    said = capsys.readouterr().out
    assert said.count("is outside") == 2
    assert "than chance brings" not in said


# runs that came to nothing, and runs on other data


def diverge(record):
    if record["experiment"] == "encoder" and record["variant"] == "trained":
        record |= {"metrics": {}, "status": "diverged", "message": "step 3: loss is not finite"}


def test_a_run_of_which_no_seed_finished_moved(accepted, capsys):
    path = accepted / "replications/golden/reproduced.csv"
    before = path.read_text()
    edit_records(accepted, "paper", diverge)
    assert main(["regress", *PAPER]) == MOVED
    said = capsys.readouterr().out
    assert "golden: table1:trained:auc:paper: none of the 5 seeds here finished, where 0.94 was accepted" in said
    assert "no record of them is here" not in said
    assert "golden: 6 of 9 rows at paper stand as accepted, their verdicts apart" in said
    edit_records(accepted, "quick", diverge)
    assert main(["regress", *QUICK]) == MOVED, "no seed is no matter of chance"
    assert "golden: table1:trained:auc:quick: none of the 5 seeds here finished" in capsys.readouterr().out

    assert main(["accept", *PAPER]) == 1
    said = capsys.readouterr()
    assert "the verdict of table1:trained:auc would change from reproduced to not run" in said.err
    assert said.err.count("\n") == 1
    assert "golden: table1:trained:auc:paper: none of the 5 seeds here finished, where 0.94 was accepted" in said.out
    assert path.read_text() == before

    told = [line.removesuffix("|  |") + "| it diverges |" for line in said.out.splitlines() if line.startswith("| 20")]
    (accepted / "CORRECTIONS.md").write_text(HEAD + "".join(f"{line}\n" for line in told))
    assert main(["accept", *PAPER]) == 0
    rows = {row.key for row in read_reproduced(path)}
    assert ("table1", "trained", "auc", "paper") not in rows
    assert ("table1", "trained", "auc", "quick") in rows
    assert main(["regress", *PAPER]) == 0


def stand_in(record):
    record["dataset"] |= {"kind": "stand-in", "subset": False}


def test_where_all_ran_on_stand_ins_nothing_is_held_and_nothing_accepted(accepted, capsys):
    path = accepted / "replications/golden/reproduced.csv"
    text = path.read_text()
    before = text.replace("digits-data (STAND-IN)", "digits-data (real)")
    path.write_text(before)
    edit_records(accepted, "paper", stand_in)
    assert main(["regress", *PAPER]) == LACKING
    said = capsys.readouterr().out
    assert "golden: none of 9 rows at paper could be held" in said
    assert said.endswith("regress: nothing moved at paper, 9 could not be held\n")
    assert main(["accept", *PAPER]) == 1
    said = capsys.readouterr().err
    assert "golden: table1:random:auc:paper ran on encoder-data (STAND-IN), where encoder-data (generated) is" in said
    assert said.count("\n") == 1
    assert path.read_text() == before
