"""Rows of ``unprinted.csv``: over the seeds that finished with a metric, never of a stand-in; files read strictly."""

from types import SimpleNamespace

import pytest
from handmade import made

from common.evaluation import AgreementError
from common.evaluation.unprinted import as_csv, fresh_rows, read_unprinted, unanswered
from common.results import Origin

ASKS = SimpleNamespace(cells=("e/v",), unprinted=("read_*",))
STAND_IN = Origin(name="d", kind="stand-in", sha256="0" * 64)


def rows_of(*records):
    return fresh_rows([ASKS], lambda *_: records, "quick")


def test_over_the_seeds_that_finished_and_have_it():
    lost = made(seed=2, metrics={"read_own": 9.0}, status="diverged", message="lost at step 3")
    found = rows_of(
        made(seed=0, metrics={"read_own": 0.25, "auc": 1.0}), made(seed=1, metrics={"read_own": 0.75}), lost
    )
    (row,) = found
    assert (row.cell, row.metric, row.mean, row.n, row.scale) == ("e/v", "read_own", 0.5, 2, "quick")
    assert row.sd == pytest.approx(0.5**0.5 / 2)


def test_one_seed_has_no_spread_and_the_file_gives_back_what_it_was_given(tmp_path):
    rows = rows_of(made(metrics={"read_a": 0.125, "read_b": 2.0}))
    path = tmp_path / "unprinted.csv"
    path.write_text(as_csv(rows))
    assert read_unprinted(path) == rows
    assert {row.sd for row in rows} == {None}


def test_a_stand_in_s_numbers_are_not_kept():
    assert rows_of(made(metrics={"read_a": 0.5}, dataset=STAND_IN)) == []


def test_a_pattern_without_a_metric_is_told_only_where_all_cells_were_run():
    assert rows_of() == unanswered([ASKS], lambda *_: ()) == []
    other = (made(metrics={"auc": 0.5}),)
    assert unanswered([ASKS], lambda *_: other) == ["unprinted: 'read_*' names no metric of e/v"]
    assert unanswered([ASKS], lambda *_: (made(metrics={"read_a": 0.5}),)) == []


def test_a_number_that_is_none_is_named_with_its_line(tmp_path):
    path = tmp_path / "unprinted.csv"
    path.write_text(as_csv(rows_of(made(metrics={"read_a": 0.5}))).replace("0.5,", "half,"))
    with pytest.raises(
        AgreementError, match=r"unprinted.csv:2: mean, sd or n: could not convert string to float: 'half'"
    ):
        read_unprinted(path)
