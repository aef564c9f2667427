"""The reader of printed numbers: what it keeps, and one clear line for every slip."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.evaluation.published import COLUMNS, PublishedError, printed_for, read_published

HEADER = ",".join(COLUMNS)
BASE = "fig4,random,auc,,0.72,,none,1,Fig. 4-2,0.06,spread over encoders from thirty draws"
GOOD = "fig4,trained,auc,>fig4:random,0.94,0.02,sd,3,Fig. 4-3,0.04,"


def read(tmp_path, *lines, header=HEADER):
    path = tmp_path / "published.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return read_published(path)


def test_rows_and_reference(tmp_path):
    base, trained = read(tmp_path, BASE, "", GOOD)
    assert base.key == ("fig4", "random", "auc")
    assert (base.value, base.spread, base.sd, base.n_runs, base.tolerance) == (0.72, None, None, 1, 0.06)
    assert (trained.sign, trained.reference) == (">", base.key)
    assert (trained.spread, trained.spread_kind, trained.sd, trained.n_runs) == (0.02, "sd", 0.02, 3)
    assert trained.line == 4


def test_standard_error_becomes_a_standard_deviation(tmp_path):
    (row,) = read(tmp_path, "t,a,acc,,90,0.5,sem,16,Table 1,1,")
    assert row.sd == pytest.approx(2.0)  # 0.5 * sqrt(16)


def test_spread_without_n_is_no_sd(tmp_path):
    (row,) = read(tmp_path, "t,a,acc,,90,0.5,sd,,Table 1,1,")
    assert row.sd is None


def test_reference_with_several_metrics_is_the_one_of_the_same_metric(tmp_path):
    rows = read(
        tmp_path,
        "t,none,acc,,90,,none,,Table 1,,",
        "t,none,leak,,60,,none,,Table 1,,",
        "t,ours,leak,<t:none,20,,none,,Table 1,,",
    )
    assert rows[2].reference == ("t", "none", "leak")


def test_quoted_text_keeps_commas_quotes_and_breaks(tmp_path):
    (row,) = read(tmp_path, 't,"a, b",acc,,90,,none,,"Table ""1""",,"two\nlines"')
    assert (row.entry, row.where, row.note) == ("a, b", 'Table "1"', "two\nlines")


SLIPS = {
    "t,a,acc,,ninety,,none,,p,,": "published.csv:2: value: 'ninety' is not a number; write digits with a point",
    "t,a,acc,,nan,,none,,p,,": "published.csv:2: value: 'nan' is not finite; leave the row out or print the number",
    "t,a,acc,,,,none,,p,,": "published.csv:2: value: is empty; every row needs the printed number",
    ",a,acc,,1,,none,,p,,": "published.csv:2: artefact: is empty; every row needs one",
    "t,a,acc,,1,,none,,,,": "published.csv:2: where: is empty; every row needs one",
    "t,a,acc,,1,0.1,std,3,p,,": "published.csv:2: spread_kind: 'std' is none of sd, sem, none",
    "t,a,acc,,1,0.1,none,3,p,,": "published.csv:2: spread_kind: 'none' with spread '0.1'; write sd or sem",
    "t,a,acc,,1,,sd,3,p,,": "published.csv:2: spread_kind: 'sd' with spread ''; print the spread, or write none",
    "t,a,acc,,1,-0.1,sd,3,p,,": "published.csv:2: spread: -0.1 is below zero; a spread is not negative",
    "t,a,acc,,1,0.1,sd,0,p,,": "published.csv:2: n_runs: '0' is not a count; write 1, 2, … or leave it empty",
    "t,a,acc,,1,0.1,sd,1,p,,": "published.csv:2: n_runs: one run has no spread over runs; if ± means something "
    "else write none, and a note",
    "t,a,acc,,1,0.1,sd,3,p,0,": "published.csv:2: tolerance: 0 is not above zero; leave it empty where none is set",
    "t,a,acc,,1,,none,,p,0.1,": "published.csv:2: note: is empty; a tolerance without a printed spread is argued "
    "in the note",
    "t,a,acc,,1,,none,,p,0.1,so, there": "published.csv:2: 12 cells where the header has 11; put text that holds "
    "a comma into double quotes",
    "t,a,acc,up,1,,none,,p,,": "published.csv:2: direction: 'up' is not > or < and artefact:entry; leave it empty "
    "where there is no reference",
    "t,a,acc,>t:b,1,,none,,p,,": "published.csv:2: direction: 't:b' is no row of this file with metric 'acc'; "
    "name one that is",
    "t,a,acc,>t:a,1,,none,,p,,": "published.csv:2: direction: the row refers to itself; name its baseline or its "
    "neighbour",
}


@pytest.mark.parametrize("line", SLIPS)
def test_a_slip_is_one_line_with_its_place_and_cure(tmp_path, line):
    with pytest.raises(PublishedError) as caught:
        read(tmp_path, line)
    assert str(caught.value) == f"{tmp_path}/{SLIPS[line]}"


def test_a_direction_that_is_not_printed_is_a_slip(tmp_path):
    with pytest.raises(PublishedError, match=r"csv:3: direction: 0.94 < 0.72 \(line 2\) is not what is printed"):
        read(tmp_path, BASE, GOOD.replace(">", "<"))


def test_a_row_twice_is_a_slip(tmp_path):
    with pytest.raises(PublishedError, match="csv:3: entry: fig4:random:auc stands already in line 2"):
        read(tmp_path, BASE, BASE)


def test_a_stray_quote_is_a_slip(tmp_path):
    with pytest.raises(PublishedError, match="not CSV"):
        read(tmp_path, 't,a,acc,,1,,none,,"p"x,,')


def test_the_header_names_what_is_missing_and_unknown(tmp_path):
    with pytest.raises(PublishedError, match="csv:1: columns: missing tolerance; unknown 'tol'; write artefact,"):
        read(tmp_path, header=HEADER.replace("tolerance", "tol"))


def test_a_figure_takes_its_own_rows_by_entry(root):
    rows = printed_for(root / "replications/infoshape/published.csv", "fig4_2")
    assert rows["raw"].printed == "1.00", "as printed, not as a float"
    assert {row.artefact for row in rows.values()} == {"fig4_2"}


def test_no_file_says_how_to_start_one(tmp_path):
    with pytest.raises(PublishedError, match="no such file; it starts with the line artefact,entry"):
        read_published(tmp_path / "published.csv")


CELLS = st.sampled_from(
    ["", "t", "a", "1", "-1", "0.5", "nan", "1e999", "sd", "sem", "none", ">t:a", "<", ",", '"', "٣", "\n"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=9, max_size=12), max_size=4))
def test_any_text_is_read_or_refused_in_one_line(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "published.csv"
        path.write_text("\n".join([HEADER, *(",".join(row) for row in rows)]), encoding="utf-8")
        try:
            read_published(path)
        except PublishedError as error:
            assert "\n" not in str(error).replace(repr("\n"), "")
