"""What the report says of earlier runs whose numbers and claims were accepted, with and without a run of now."""

import base64
import re
import shutil
from dataclasses import replace

import pytest
import yaml
from handmade import accept, write_judged
from report_page import EVIL, Page, compared, page, two_papers

from common.evaluation.judged import Judged
from common.evaluation.published import read_published
from common.evaluation.reproduced import COLUMNS, judgements, read_reproduced
from common.evaluation.tables import to_csv
from common.workflow.report import build
from common.workflow.report.values import value_rows
from common.workflow.report.words import seeds_in_words


@pytest.fixture
def root(tmp_path):
    return two_papers(tmp_path)


@pytest.fixture
def committed(root):
    """The two papers with accepted numbers of ``golden``, and neither records nor anything drawn from them."""
    accept(compared(root), root / "replications/golden/reproduced.csv")
    shutil.rmtree(root / "results")
    shutil.rmtree(root / "figures")
    return root


def rows_of(root, scale="paper", paper="golden"):
    """Return the rows of the page's table by entry, each as the words of its lines: this run's, then the accepted."""
    text = build(root, scale, [paper]).read_text(encoding="utf-8")
    found = {}
    for body in re.findall(r"<tbody data-verdict.*?</tbody>", text, re.S):
        lines = [Page(f"<table>{line}</table>").text for line in re.findall(r"<tr.*?</tr>", body, re.S)]
        found[lines[0].partition(" auc")[0]] = lines
    return found


def test_committed_numbers_stand_in_the_row_where_nothing_ran(committed):
    first, accepted = rows_of(committed)["table1 trained"]
    assert "this run, paper" in first
    assert "not run" in first
    row = next(r for r in read_reproduced(committed / "replications/golden/reproduced.csv") if r.entry == "trained")
    assert accepted.startswith(f"{row.mean:.4g} ± {row.sd:.2g} accepted, paper, ")
    for part in (f"{row.n} seeds", row.data, row.commit, row.verdict, row.direction):
        assert part in accepted


def test_the_number_of_now_stands_first_and_the_largest_accepted_scale_next(root):
    path = root / "replications/golden/reproduced.csv"
    for scale in ("quick", "paper"):
        accept(compared(root, scale), path)
    runs = [re.search(r"(this run|accepted), (\w+)", line)[0] for line in rows_of(root)["table1 trained"]]
    assert runs == ["this run, paper", "accepted, paper", "accepted, quick"]


def test_a_reading_says_its_name_and_not_what_the_paper_as_written_says_too(committed):
    home = committed / "replications/golden"
    config = yaml.safe_load((home / "config.yaml").read_text()) | {"readings": ["weight10"]}
    (home / "config.yaml").write_text(yaml.safe_dump(config))
    rows = read_reproduced(home / "reproduced.csv")
    own = [replace(row, mean=0.5) if row.entry == "random" else row for row in rows]
    cells = [[str("" if v is None else v) for v in vars(row).values()] for row in own]
    (home / "reproduced-weight10.csv").write_text(to_csv(COLUMNS, cells))
    write_judged([Judged("G-C1", "paper", "fails", "e", "5 of 5", "d", "cpu", "c0de")], home / "judged-weight10.csv")
    found = rows_of(committed)
    _, as_written, reading = found["table1 random"]
    assert "accepted, paper" in as_written
    assert reading.startswith("0.5 ± ")
    assert "accepted, reading weight10, paper" in reading
    assert [len(found[f"table1 {entry}"]) for entry in ("trained", "weight100")] == [2, 2]
    assert "Accepted at paper, reading weight10: ✗ fails" in page(committed).text


def test_a_row_names_its_data_and_the_comparison_in_words(root):
    rows = rows_of(root)
    assert "5 of 5 seeds encoder-data (generated)" in rows["table1 random"][0]
    assert "digits-data (STAND-IN)" in rows["fig2 digits"][0]
    said = "This run, paper: difference +0, 90 % interval -0.0369 to +0.0369, tolerance ±0.05, p=1.000 (Holm)"
    assert said in rows["table1 trained"][0]


def test_a_p_value_is_given_where_the_value_was_tested_alone(root):
    compared(root, "quick")
    path = root / "replications/golden/published.csv"
    rows = value_rows(root / "figures/quick/golden/comparison.csv", "quick", read_published(path), {})
    assert any("90 % interval" in row.fresh.test for row in rows)
    assert not any("Holm" in row.fresh.test for row in rows)


def test_a_value_is_judged_where_it_was_tested_whatever_came_of_it(root):
    """An order that holds beside a value that shows nothing is the one verdict for both kinds of rows."""
    path = root / "replications/golden/published.csv"
    path.write_text(path.read_text().replace("0.94,,none,1,Table 1,0.05", "0.94,,none,1,Table 1,0.0001"))
    compared(root)
    rows = value_rows(root / "figures/paper/golden/comparison.csv", "paper", read_published(path), {})
    found = {(row.entry, row.metric): (row.fresh.verdict, row.fresh.judged) for row in rows}
    assert found["trained", "auc"] == ("direction only", True)
    assert found["weight1000", "auc"] == ("direction only", False), "it has no tolerance"
    assert found["weight100", "auc"] == ("underpowered", True)
    assert found["faces above", "auc"] == ("direction only", False), "a subset"
    assert found["digits", "auc"] == ("not comparable", False)
    assert found["other faces", "auc"] == ("not run", False)
    compared(root, "quick")
    rows = value_rows(root / "figures/quick/golden/comparison.csv", "quick", read_published(path), {})
    assert not any(row.fresh.judged for row in rows)


def test_p_values_are_those_of_the_comparison(root):
    comparison = compared(root)
    path = root / "replications/golden/reproduced.csv"
    accept(comparison, path)
    printed = read_published(path.with_name("published.csv"))
    found = judgements(read_reproduced(path), printed)
    for row in comparison.rows:
        if row.ours is not None:
            expected = row.judgement.p_holm
            p = found[*row.published.key, "paper"].p_holm
            assert p == (None if expected is None else pytest.approx(expected, rel=1e-2, abs=1e-6))


def test_a_claim_says_what_was_accepted_of_it_at_larger_scales(root):
    assert "Accepted at" not in page(root).text
    path = root / "replications/golden/judged.csv"
    rows = [
        Judged("G-C1", scale, "fails", "e", "5 of 5", "d", "cpu", "c0de") for scale in ("quick", "reduced", "paper")
    ]
    write_judged([*rows, Judged("G-C2", "paper", f"not judged ({EVIL})", "e", "1 of 1", "d", "cpu", "c0de")], path)
    found = page(root)
    assert found.text.count("Accepted at") == 3
    assert "Accepted at reduced: ✗ fails , 5 of 5 seeds" in found.text
    assert EVIL in found.text, "as words: the page escapes them"
    links = {a["download"]: a["href"] for t, a in found.elements if t == "a" and "download" in a}
    assert base64.b64decode(links["golden-judged.csv"].partition("base64,")[2]) == path.read_bytes()


def test_accepted_claims_are_listed_where_none_was_judged_now(committed):
    home = committed / "replications/golden"
    row = Judged("G-C1", "paper", "holds", "mean 0.23", "5, on accepted means", "d", "cpu", "c0de")
    write_judged([row], home / "judged.csv")
    text = page(committed).text
    assert "No claim was judged at this scale." in text
    assert "Training raises the AUC of every encoder" in text
    assert "Accepted at paper: ✓ holds , 5 seeds, on accepted means" in text
    assert "Accepted numbers, paper: mean 0.23 d, cpu, c0de" in text


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("5 of 5", "5 of 5 seeds"),
        ("1 of 1", "1 of 1 seed"),
        ("1 of 3", "1 of 3 seeds"),
        ("11 of 11", "11 of 11 seeds"),
        ("5, on accepted means", "5 seeds, on accepted means"),
        ("1, on accepted means", "1 seed, on accepted means"),
        ("", ""),
    ],
)
def test_seeds_agree_with_their_number(column, words):
    assert seeds_in_words(column) == words


def test_accepted_words_are_text_and_never_markup(committed):
    home = committed / "replications/golden"
    rows = [replace(row, data=EVIL, commit=EVIL) for row in read_reproduced(home / "reproduced.csv")]
    cells = [[str("" if v is None else v) for v in vars(row).values()] for row in rows]
    (home / "reproduced.csv").write_text(to_csv(COLUMNS, cells))
    write_judged([Judged("G-C1", "paper", "holds", EVIL, "5 of 5", EVIL, EVIL, EVIL)], home / "judged.csv")
    found = page(committed)
    assert [tag for tag, _ in found.elements].count("script") == 1
    assert not any(tag == "img" for tag, _ in found.elements)
    assert EVIL in found.text
