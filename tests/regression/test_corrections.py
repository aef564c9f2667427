"""CORRECTIONS.md: readable, in step with the accepted numbers, and complete over the history of their files."""

import csv
import io
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from common.evaluation import AgreementError
from common.evaluation.claims import read_claims
from common.evaluation.corrections import Change, Standing, read_corrections, unexplained
from common.evaluation.judged import Judged, judged_path, read_judged
from common.evaluation.judged import changes as claim_changes
from common.evaluation.published import read_published
from common.evaluation.reproduced import Accepted, changes, label, read_reproduced

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(ROOT.glob("replications/*/reproduced*.csv"))
JUDGED = [judged_path(path) for path in FILES]  # those that are no more included: they have a history
CORRECTIONS = read_corrections(ROOT / "CORRECTIONS.md")


@pytest.mark.parametrize("correction", CORRECTIONS, ids=lambda c: f"line{c.line}")
def test_each_line_names_a_printed_number(correction):
    paper = correction.change.paper.partition("/")[0]
    assert paper in {path.parent.name for path in FILES}
    printed = {":".join(row.key) for row in read_published(ROOT / "replications" / paper / "published.csv")}
    claims = {f"claim:{claim.id}" for claim in read_claims(ROOT / "replications" / paper / "claims.yaml")}
    assert correction.change.row in printed | claims
    assert correction.change.scale in ("paper", "reduced", "quick")


def test_the_last_line_of_a_row_leaves_what_is_recorded():
    recorded = {
        (label(path), ":".join(row.key[:3]), row.scale): row.verdict for path in FILES for row in read_reproduced(path)
    }
    recorded |= {
        (label(path), f"claim:{row.claim}", row.scale): row.verdict for path in JUDGED for row in read_judged(path)
    }
    left = {c.change.place: c.change.now.verdict for c in CORRECTIONS}
    wrong = {place: said for place, said in left.items() if recorded.get(place, "not run") != said}
    assert not wrong


def git(*words):
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no history to look at: git {words[0]}: {done.stderr.strip()}")
    return done.stdout


def versions(path):
    """Return the text of a file at each commit that changed it, and as it is; nothing where it is no more."""
    if git("rev-parse", "--is-shallow-repository").strip() == "true":
        pytest.skip("a shallow clone has no history to look at")
    name = str(path.relative_to(ROOT))
    old = [
        git("show", f"{c}:{name}")
        for c in git("log", "--reverse", "--diff-filter=AM", "--format=%H", "--", name).split()
    ]
    return [*old, path.read_text() if path.exists() else ""]


def rows_of(text):
    """Return the accepted rows of an older file, leniently: only key, verdict, mean and n are looked at."""
    return [
        Accepted(
            *(cells[name] for name in ("artefact", "entry", "metric")),
            mean=float(cells["mean"]),
            sd=None,
            n=int(cells["n"]),
            scale=cells["scale"],
            data="",
            device="",
            commit="",
            verdict=cells["verdict"],
            direction="",
        )
        for cells in csv.DictReader(io.StringIO(text))
    ]


def unrecorded(history, corrections):
    """Return the changes of a history, in the order of time, that no line of their row records in that order."""
    lines = {}
    for correction in corrections:
        lines.setdefault(correction.change.place, []).append(correction)
    lacking = []
    for change in history:
        left = lines.get(change.place, [])
        at = next((i for i, line in enumerate(left) if not unexplained([change], [line])), None)
        if at is None:
            lacking.append(change)
        else:
            del left[: at + 1]
    return lacking


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_changed_verdict_of_the_history_has_its_line(path):
    found = [
        change
        for before, after in pairwise(versions(path))
        for change in changes(label(path), rows_of(before), rows_of(after))
    ]
    lacking = unrecorded(found, CORRECTIONS)
    assert not lacking, "\n".join(change.line("<date>") for change in lacking)


@pytest.mark.parametrize("path", JUDGED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_claim_that_turned_in_the_history_has_its_line(path):
    rows = [[Judged(**cells) for cells in csv.DictReader(io.StringIO(text))] for text in versions(path)]
    found = [change for pair in pairwise(rows) for change in claim_changes(label(path), *pair)]
    lacking = unrecorded(found, CORRECTIONS)
    assert not lacking, "\n".join(change.line("<date>") for change in lacking)


# the parser

CHANGE = Change("p", "t:e|f:auc", "paper", Standing("differs", 6.071859, 3), Standing("not run"))
HEAD = "# Corrections\n\n| date | paper | row | scale | was | is | why |\n| --- | --- | --- | --- | --- | --- | --- |\n"


def written(folder, *lines):
    path = folder / "CORRECTIONS.md"
    path.write_text(HEAD + "".join(f"{line}\n" for line in lines) + "\nProse after the table.\n| a | b |\n")
    return path


def test_a_line_comes_back_as_it_was_written(tmp_path):
    assert read_corrections(written(tmp_path)) == []
    line = CHANGE.line("2026-11-21", "a critic was not frozen")
    assert line == (
        "| 2026-11-21 | p | t:e\\|f:auc | paper | differs at 6.07186 (n=3) | not run | a critic was not frozen |"
    )
    (found,) = read_corrections(written(tmp_path, line))
    assert (found.line, found.why) == (5, "a critic was not frozen")
    assert found.change.place == CHANGE.place
    assert found.change.was == Standing("differs", 6.07186, 3)
    assert found.change.now == Standing("not run")


def test_a_change_is_explained_by_its_own_line_alone(tmp_path):
    (told,) = read_corrections(written(tmp_path, CHANGE.line("2026-11-21", "x")))
    assert unexplained([CHANGE], [told]) == []
    others = [
        Change("q", CHANGE.row, "paper", CHANGE.was, CHANGE.now),
        Change("p", CHANGE.row, "quick", CHANGE.was, CHANGE.now),
        Change("p", CHANGE.row, "paper", CHANGE.was, Standing("reproduced", 6.0, 3)),
        Change("p", CHANGE.row, "paper", CHANGE.now, CHANGE.was),
    ]
    assert unexplained(others, [told]) == others


def test_an_old_line_excuses_no_later_change(tmp_path):
    """A row went and came back: it may not go again for the old reason."""
    back = Change("p", CHANGE.row, "paper", CHANGE.now, CHANGE.was)
    told = read_corrections(written(tmp_path, CHANGE.line("2026-11-21", "x"), back.line("2026-11-22", "y")))
    assert unexplained([CHANGE], told) == [CHANGE]
    assert unexplained([back], told) == []
    other = Change("p", "t:other:auc", "paper", CHANGE.was, CHANGE.now)
    assert unexplained([other], told) == [other]


def test_each_change_of_a_history_has_a_line_of_its_own(tmp_path):
    back = Change("p", CHANGE.row, "paper", CHANGE.now, CHANGE.was)
    told = read_corrections(written(tmp_path, CHANGE.line("2026-11-21", "x"), back.line("2026-11-22", "y")))
    assert unrecorded([CHANGE, back], told) == []
    assert unrecorded([back], told) == []
    assert unrecorded([CHANGE, back, CHANGE], told) == [CHANGE]
    assert unrecorded([back, CHANGE], told) == [CHANGE]
    elsewhere = Change("q", CHANGE.row, "paper", CHANGE.was, CHANGE.now)
    assert unrecorded([elsewhere, CHANGE], told) == [elsewhere]


GOOD = CHANGE.line("2026-11-21", "a reason")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([CHANGE.line("2026-11-21")], ":5: why: is empty"),
        ([CHANGE.line("2026-11-21", "…")], ":5: why: is empty"),
        ([CHANGE.line("21 November", "x")], ":5: date: '21 November' is not a day"),
        ([GOOD, GOOD.replace("-21", "-20")], ":6: date: 2026-11-20 stands after 2026-11-21"),
        ([GOOD, GOOD], ":6: was: 'differs', but the line before left this row 'not run'"),
        ([GOOD.replace("differs", "perfect")], ":5: was: 'perfect at 6.07186"),
        ([GOOD.replace("6.07186", "6.0.7")], ":5: was: '6.0.7' is not a number"),
        ([GOOD.replace("(n=3)", "(n=0)")], ":5: was: "),
        ([GOOD.replace("not run", "differs")], ":5: is: 'differs' has the verdict of"),
        ([GOOD.replace("| p |", "|  |")], ":5: paper, row and scale"),
        ([GOOD.replace("| p |", "|")], ":5: 6 cells; write date | paper"),
    ],
)
def test_a_slip_is_one_line_with_its_place(tmp_path, lines, words):
    with pytest.raises(AgreementError) as caught:
        read_corrections(written(tmp_path, *lines))
    assert f"CORRECTIONS.md{words}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "words"), [("# None", "0 tables"), (HEAD + HEAD, "2 tables"), (None, "no such file")])
def test_the_table_stands_there_once(tmp_path, text, words):
    if text is not None:
        (tmp_path / "CORRECTIONS.md").write_text(text)
    with pytest.raises(AgreementError, match=words):
        read_corrections(tmp_path / "CORRECTIONS.md")
