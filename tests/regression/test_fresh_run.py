"""Fresh quick runs against the accepted numbers: the cells of a few seconds here, all of them after a whole quick run.

The whole is ``python -m common.workflow regress --config scale=quick`` once the DAG has run; ``.ci/run`` ends with it.
"""

import importlib

import pytest

from common.evaluation.comparison import compare
from common.evaluation.corrections import read_corrections
from common.evaluation.published import read_published
from common.evaluation.regression import regress
from common.evaluation.reproduced import label, read_reproduced
from common.workflow.regress import complaint
from common.workflow.resolve import default_settings, resolve


@pytest.mark.parametrize(
    ("paper", "cell", "rows"),
    [("infoshape", "closed_forms/thesis", 2), ("infoshape", "correlation/thesis", 10)],
)
def test_a_fresh_quick_run_stands_as_accepted(root, tmp_path, paper, cell, rows):
    """The seeds of the protocol, run by this very code, fall into the bands and have the verdicts accepted."""
    plan = resolve(root, {**default_settings(root), "scale": "quick", "papers": paper, "device": "cpu"})
    job = plan.job(paper, cell)
    config = tmp_path / "config.json"
    config.write_text(job.model_dump_json())
    assert importlib.import_module(job.module).main([str(config), "--results", str(tmp_path)]) == 0

    path = root / "replications" / paper / "reproduced.csv"
    comparison = compare(plan.papers[paper], read_published(path.with_name("published.csv")), [], tmp_path, "quick")
    found = [row for row in regress(read_reproduced(path), comparison) if row.fresh is not None]
    assert len(found) == rows, "every number of this cell is accepted at quick"
    held = [row for row in found if not row.excused]
    if not held:
        pytest.skip(f"nothing to hold here: {found[0].excused}")
    corrections = read_corrections(root / "CORRECTIONS.md")
    wrong = {row.key: said for row in held if (said := complaint(row, label(path), corrections))}
    assert not wrong
