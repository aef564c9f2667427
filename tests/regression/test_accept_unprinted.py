"""Numbers that the paper does not print: ``accept`` keeps them beside the printed ones, by cell and scale."""

import pytest
from golden_house import PAPER, QUICK, move

from common.evaluation.unprinted import read_unprinted
from common.workflow.__main__ import main

CELLS = ["encoder/random", "encoder/trained", "encoder/weight10", "encoder/weight100"]


@pytest.fixture
def asking(accepted):
    """The golden checkout, its table asking for what it does not print."""

    def ask(pattern):
        config = accepted / "replications/golden/config.yaml"
        head, _, rest = config.read_text().partition("    kind: table\n")
        rest = rest.partition("\n")[2] if rest.startswith("    unprinted") else rest
        config.write_text(f"{head}    kind: table\n{pattern and f'    unprinted: [{pattern}]' + chr(10)}{rest}")
        return accepted / "replications/golden/unprinted.csv"

    return ask


def test_each_metric_asked_for_has_a_row_of_each_cell_and_scale(asking):
    path = asking('"a*"')
    assert main(["accept", *QUICK]) == main(["accept", *PAPER]) == 0
    rows = read_unprinted(path)
    assert [(row.cell, row.scale) for row in rows] == [(cell, scale) for cell in CELLS for scale in ("paper", "quick")]
    assert {row.metric for row in rows} == {"auc"}
    assert all(row.n and row.commit and row.data == "encoder-data (generated)" for row in rows)


def test_a_cell_run_anew_has_its_new_number_and_those_of_other_scales_stay(asking, accepted):
    path = asking('"auc"')
    assert main(["accept", *QUICK]) == main(["accept", *PAPER]) == 0
    before = {row.key: row for row in read_unprinted(path)}
    move(accepted, "encoder/random", lambda seed: 0.7201 + 0.01 * (seed - 2))  # its verdict as it was
    assert main(["accept", *PAPER]) == 0
    after = {row.key: row for row in read_unprinted(path)}
    changed = [key for key in before if after[key] != before[key]]
    assert changed == [("encoder/random", "auc", "paper")]
    assert after[changed[0]].mean == pytest.approx(0.7201)


def test_what_is_not_asked_for_any_more_goes_and_without_rows_there_is_no_file(asking):
    path = asking('"auc", gain')
    assert main(["accept", *PAPER]) == 0
    assert {row.metric for row in read_unprinted(path)} == {"auc", "gain"}
    asking("gain")
    assert main(["accept", *PAPER]) == 0
    assert {row.metric for row in read_unprinted(path)} == {"gain"}
    asking("")
    assert main(["accept", *PAPER]) == 0
    assert not path.exists()


def test_a_pattern_that_names_no_metric_is_told_and_hinders_nothing(asking, capsys):
    path = asking('"acu", gain')
    assert main(["accept", *PAPER]) == 0
    said = capsys.readouterr().out.splitlines()
    assert f"golden: unprinted: 'acu' names no metric of {', '.join(CELLS)}" in said
    assert {row.metric for row in read_unprinted(path)} == {"gain"}


def test_records_of_other_code_are_refused_for_them_too(asking, accepted, capsys):
    asking("auc")
    (accepted / "replications/golden/__init__.py").write_text("AUC = 0.8\n")
    assert main(["accept", *PAPER]) == 1
    assert "other code or parameters left" in capsys.readouterr().err
