"""What a figure, a table and a comparison rest on beside their records: an edit of it makes them anew, and no more."""

import pytest
from toy import toy_checkout

from common.workflow.dag import Dag
from common.workflow.resolve import resolve


def codes(folder):
    """Return what the rules of the toy paper's figure, table and comparison say of their code."""
    dag = Dag(resolve(folder, {"scale": "quick"}), "toy")
    return {**{drawing.artefact: drawing.code for drawing in dag.drawings()}, "compare": dag.comparison_code}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = toy_checkout(tmp_path_factory.mktemp("drawn") / "checkout")
    home = folder / "replications/toy"
    config = (home / "config.yaml").read_text()
    (home / "config.yaml").write_text(config + "  fig1:\n    title: F\n    kind: figure\n    cells: [judge/thesis]\n")
    (home / "figures.py").write_text("from common.plotting import figure\n")
    return folder


@pytest.mark.parametrize(
    ("name", "text", "anew"),
    [
        ("common/plotting/style.mplstyle", "\nlines.linewidth: 3\n", {"fig1"}),
        ("common/plotting/series.py", "\nWIDE = 1\n", {"fig1"}),
        ("common/results/select.py", "\nFEW = 1\n", {"fig1", "table1"}),
        ("common/results/tables.py", "\nWIDE = 1\n", {"table1"}),
        ("common/workflow/reading.py", "\nWIDE = 1\n", {"compare"}),
        ("common/evaluation/verdicts.py", "\nWIDE = 1\n", {"compare"}),
        ("common/results/store.py", "\nWIDE = 1\n", {"compare"}),  # a second's work: it rests on plumbing whole
        ("common/workflow/locks.py", "\nWIDE = 1\n", set()),
    ],
)
def test_an_edit_makes_anew_what_rests_on_it(folder, name, text, anew):
    before = codes(folder)
    path = folder / name
    path.write_text(path.read_text() + text)
    after = codes(folder)
    assert {key for key in before if before[key] != after[key]} == anew
