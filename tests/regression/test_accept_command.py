"""Whose records ``accept``, ``regress``, ``compare`` and ``verify`` take: this code's, of a clean tree; all or none."""

import json
import shutil

import pytest
from golden_house import HEAD, PAPER, edit_records, move

from common.workflow.__main__ import main
from common.workflow.regress import LACKING

NOT_OURS = "golden: encoder/random: other code or parameters left 5 of 5 records at paper (seeds 0, 1, 2, 3, 4); run"
CHANGED = (*PAPER, "set=golden.encoder.lr=0.01")


def test_records_of_other_parameters_are_not_accepted_as_this_runs(accepted, capsys):
    path = accepted / "replications/golden/reproduced.csv"
    before = path.read_text()
    assert main(["accept", *CHANGED]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"expunge: {NOT_OURS}")
    assert said.endswith("; likewise encoder/trained, encoder/weight10, encoder/weight100\n")
    assert said.count("\n") == 1
    assert path.read_text() == before


def test_records_of_other_code_are_not_accepted_as_this_runs(accepted, capsys):
    (accepted / "replications/golden/__init__.py").write_text("AUC = 0.8\n")
    assert main(["accept", *PAPER]) == 1
    assert "other code or parameters left 3 of 3 records at paper" in capsys.readouterr().err
    shutil.rmtree(accepted / "results/paper")
    assert main(["accept", *PAPER]) == 0, "a cell without records says nothing"


def test_what_is_left_of_an_earlier_run_with_more_seeds_hinders_nothing(accepted, capsys):
    path = accepted / "results/paper/golden/faces/part/seed=2.json"
    record = json.loads(path.read_text())
    record["provenance"] |= {"code": "older", "started": "2025-01-01T00:00:00+00:00"}
    path.write_text(json.dumps(record))
    assert main(["accept", *PAPER]) == 1
    assert "faces/part: other code or parameters left 1 of 3 records at paper (seed 2)" in capsys.readouterr().err
    assert main(["accept", *PAPER, "seeds=2"]) == 0


def test_records_of_uncommitted_changes_are_not_accepted(accepted, capsys):
    path = accepted / "replications/golden/reproduced.csv"
    before = path.read_text()
    edit_records(accepted, "paper", uncommitted)
    assert main(["accept", *PAPER]) == 1
    said = capsys.readouterr().err
    assert said.startswith(
        "expunge: golden: encoder/trained: seed 1 at paper ran with uncommitted changes; commit first"
    )
    assert said.count("\n") == 1
    assert path.read_text() == before
    assert main(["compare", *PAPER]) == main(["regress", *PAPER]) == 0, "they may be looked at"


def uncommitted(record):
    if (record["variant"], record["seed"]) == ("trained", 1):
        record["provenance"]["dirty"] = True


def test_all_readings_are_accepted_or_none(accepted, capsys):
    """The reading's own cell moves and has no line in CORRECTIONS.md: the numbers as written stay as they were too."""
    config = accepted / "replications/golden/config.yaml"
    config.write_text(config.read_text().replace("title: A paper", "readings: [weight100]\ntitle: A paper", 1))
    assert main(["accept", *PAPER]) == 0
    folder = accepted / "replications/golden"
    before = {path.name: path.read_bytes() for path in folder.glob("*.csv")}
    assert "reproduced-weight100.csv" in before
    move(accepted, "encoder/random", lambda seed: 0.7201 + 0.01 * (seed - 2))  # its verdict as it was, by other numbers
    move(accepted, "encoder/weight100", lambda seed: 0.1 + 0.001 * seed)
    corrections = accepted / "CORRECTIONS.md"
    capsys.readouterr()
    assert main(["accept", *PAPER]) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| 20")]
    assert {line.split(" | ")[1] for line in lines} == {"golden", "golden/weight100"}, "those of all readings at once"
    told = [line.removesuffix("|  |") + "| moved |" for line in lines if "| golden |" in line]
    corrections.write_text(HEAD + "".join(f"{line}\n" for line in told))
    assert main(["accept", *PAPER]) == 1
    assert {path.name: path.read_bytes() for path in folder.glob("*.csv")} == before
    told = [line.removesuffix("|  |") + "| moved |" for line in lines]
    corrections.write_text(HEAD + "".join(f"{line}\n" for line in told))
    assert main(["accept", *PAPER]) == 0
    changed = {path.name for path in folder.glob("*.csv") if path.read_bytes() != before[path.name]}
    assert {"reproduced.csv", "reproduced-weight100.csv"} <= changed


def test_regress_says_whose_records_it_holds(accepted, capsys):
    assert main(["regress", *CHANGED]) == LACKING
    said = capsys.readouterr().out
    assert NOT_OURS in said
    assert said.endswith("regress: nothing moved at paper, 4 cells hold what other code or parameters left\n")


def test_compare_says_whose_records_it_shows(accepted, capsys):
    assert main(["compare", *PAPER]) == 0
    assert "other code or parameters" not in capsys.readouterr().out
    assert main(["compare", *CHANGED]) == 0
    assert NOT_OURS in capsys.readouterr().out


def verify(capsys, *words):
    status = main(["verify", *words])
    said = capsys.readouterr().out.splitlines()
    return status, [line for line in said if "is published but has no rule" not in line]


def test_verify_holds_records_to_the_plan(accepted, capsys):
    shutil.copytree(accepted / "results/paper/golden/faces/part", accepted / "results/paper/golden/faces/other")
    status, said = verify(capsys, *PAPER)
    assert status == 1
    assert said[0].startswith("results/paper/golden/faces/other/seed=0.json: holds the record of golden/faces/part")
    assert said[-1] == "verify: 3 lacking at scale paper"

    for path in (accepted / "results/paper/golden/faces/other").iterdir():
        path.write_text(path.read_text().replace('"variant": "part"', '"variant": "other"'))
    assert verify(capsys, *PAPER) == (0, ["verify: all there at paper"])
    status, said = verify(capsys, *CHANGED)
    assert status == 1
    assert said[0].startswith(NOT_OURS)
    assert said[-1] == "verify: 4 lacking at scale paper"


@pytest.mark.parametrize("verb", ["accept", "regress", "compare"])
def test_another_scales_records_are_not_judged_as_this_ones(accepted, capsys, verb):
    shutil.rmtree(accepted / "results/paper")
    shutil.copytree(accepted / "results/quick", accepted / "results/paper")
    assert main([verb, *PAPER]) == 1
    said = capsys.readouterr().err
    assert "holds the record of golden/" in said
    assert "seed 0 at quick, not of" in said
    assert said.count("\n") == 1


def test_accept_says_how_many_numbers_are_fresh(accepted, capsys):
    assert main(["accept", *PAPER]) == 0
    assert "18 rows, 9 of them fresh at paper; claims judged: 3, 2 of them fresh\n" in capsys.readouterr().out
    shutil.rmtree(accepted / "results/paper")
    assert main(["accept", *PAPER]) == 0
    assert "18 rows, 0 of them fresh at paper; claims judged: 3, 0 of them fresh\n" in capsys.readouterr().out


def test_a_clone_with_records_and_no_weights_is_enough(accepted, capsys):
    config = accepted / "replications/golden/config.yaml"
    config.write_text(config.read_text().replace("    dataset:", "    weights: true\n    dataset:"))
    assert main(["accept", *PAPER]) == 0
    assert main(["regress", *PAPER]) == 0
    capsys.readouterr()
    status, said = verify(capsys, *PAPER)
    assert status == 1
    assert {line.partition(": ")[2].partition(";")[0] for line in said[:-1]} == {"no such record"}
    assert all("faces/other" in line for line in said[:-1]), "the cell that has no golden records"
