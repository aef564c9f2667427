"""Accepted claims: what is a row, what stays, what may change; and claims judged on accepted means."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from handmade import write_judged
from hypothesis import assume, given
from hypothesis import strategies as st

from common.evaluation import AgreementError
from common.evaluation.claims import Claim, ClaimResult
from common.evaluation.corrections import Standing
from common.evaluation.judged import ON_MEANS, Judged, held_claims, judged_path, merged, read_judged
from common.evaluation.on_means import judge_on_means
from common.evaluation.predicate import Predicate, UndefinedError
from common.evaluation.reproduced import Accepted


def claim(name, predicate="mean(a) > mean(b)", least="quick", **quantities):
    places = quantities or {"a": "enc/after:auc", "b": "enc/before:auc"}
    return Claim(id=name, statement="s", where="w", quantities=places, predicate=predicate, least_scale=least)


def result(name, outcome="holds", least="quick", **kw):
    said = {"evidence": "mean(a) [2] > mean(b) [1]", "seeds": "5 of 5", "data": "toy (real)", "device": "cpu"}
    return ClaimResult(claim(name, least=least), outcome, **{**said, "commit": "c0de", **kw})


def comparison(*results, scale="paper"):
    return SimpleNamespace(paper="p", scale=scale, claims=results, rows=())


def accept(path, *results, scale="paper", on_means=()):
    rows, changed = merged(comparison(*results, scale=scale), path, on_means)
    write_judged(rows, path)
    return changed


def test_claims_come_back_in_their_order_and_scales_stand_side_by_side(tmp_path):
    path = tmp_path / "judged.csv"
    assert read_judged(path) == []
    assert accept(path, result("C2", "fails"), result("C1"), scale="quick") == []
    assert accept(path, result("C2"), result("C1", "not judged (log(a) has no finite value on these seeds)")) == []
    rows = read_judged(path)
    assert [row.key for row in rows] == [("C2", "paper"), ("C2", "quick"), ("C1", "paper"), ("C1", "quick")]
    assert [row.verdict for row in rows] == ["holds", "fails", "not judged", "holds"]
    assert rows[0] == Judged("C2", "paper", "holds", "mean(a) [2] > mean(b) [1]", "5 of 5", "toy (real)", "cpu", "c0de")
    before = path.read_bytes()
    accept(path, result("C2"), result("C1", "not judged (log(a) has no finite value on these seeds)"))
    assert path.read_bytes() == before


@pytest.mark.parametrize("outcome", ["not run", "not judged (needs scale paper)", "not judged (stand-in data)"])
def test_what_says_nothing_of_a_claim_is_no_row_and_moves_none(tmp_path, outcome):
    path = tmp_path / "judged.csv"
    assert accept(path, result("C1", outcome, least="paper"), scale="reduced") == []
    assert not path.exists(), "no file where there is nothing to say"
    accept(path, result("C1", "fails"))
    assert accept(path, result("C1", outcome, least="paper")) == []
    assert [row.outcome for row in read_judged(path)] == ["fails"]


def test_a_claim_that_turns_is_a_change_and_one_that_left_is_refused(tmp_path):
    path = tmp_path / "p" / "judged-other.csv"
    accept(path, result("C1"))
    (change,) = accept(path, result("C1", "fails"))
    assert (change.paper, change.row, change.scale) == ("p/other", "claim:C1", "paper")
    assert (change.was, change.now) == (Standing("holds"), Standing("fails"))
    assert change.line("2026-11-22", "x") == "| 2026-11-22 | p/other | claim:C1 | paper | holds | fails | x |"
    with pytest.raises(
        AgreementError, match=r"judged-other.csv: C1 is no claim of claims.yaml, or none of this reading"
    ):
        merged(comparison(result("C2")), path)


def test_the_file_stands_beside_the_numbers_of_its_reading(tmp_path):
    assert judged_path(tmp_path / "reproduced.csv") == tmp_path / "judged.csv"
    assert judged_path(tmp_path / "reproduced-code.csv") == tmp_path / "judged-code.csv"


HEAD = "claim,scale,outcome,evidence,seeds,data,device,commit\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("claim,scale\n", ":1: columns: write claim,scale,outcome"),
        (HEAD + "C1,paper,holds\n", ":2: not 8 cells"),
        (HEAD + "C1,huge,holds,,,,,\n", ":2: scale: 'huge' is none of paper, reduced, quick"),
        (HEAD + "C1,paper,perhaps,,,,,\n", ":2: outcome: 'perhaps' is none of holds, fails, not judged"),
        (HEAD + "C1,paper,holds,,,,,\nC1,paper,fails,,,,,\n", ":3: ('C1', 'paper') comes twice"),
    ],
)
def test_a_slip_is_one_line_with_its_place(tmp_path, text, words):
    path = tmp_path / "judged.csv"
    path.write_text(text)
    with pytest.raises(AgreementError) as caught:
        read_judged(path)
    assert f"judged.csv{words}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_fresh_run_says_of_accepted_claims(tmp_path):
    path = tmp_path / "judged.csv"
    accept(path, *(result(f"C{i}") for i in range(6)))
    fresh = [result("C0"), result("C1", "fails"), result("C2", "not run"), result("C3", data="toy (real, subset)")]
    fresh += [result("C4", "not judged (stand-in data)"), result("C5", "not judged (no seed finished)")]
    found = {row.accepted.claim: row for row in held_claims(read_judged(path), comparison(*fresh))}
    assert {name: row.apart for name, row in found.items() if row.apart} == {
        "C2": "no record", "C3": "other data", "C4": "other data",
    }  # fmt: skip
    assert [name for name, row in found.items() if row.turned] == ["C1", "C5"]
    assert found["C1"].change("p").now == Standing("fails")
    assert held_claims(read_judged(path), comparison(*fresh, scale="quick")) == []


# on accepted means

BY_MEANS = {
    "mean(a) > mean(b)": True,
    "mean(a - b) > 0.1": True,
    "mean(2 * a - b / 3 + 1) > 0 and not mean(b) < -1": True,
    "abs(mean(a - b)) <= 1": True,
    "mean(a) / mean(b) > 2": True,
    "mean(a / b) > 2": False,
    "mean(a * b) > 2": False,
    "mean(abs(a - b)) > 2": False,
    "mean(log(a)) > 2": False,
    "median(a - b) > 0": False,
    "share(a > b) >= 0.5": False,
    "all(a > b)": False,
    "max(a) < min(b)": False,
    "sd(a) < mean(b)": False,
    "mean(a) > 0 and min(b) > 0": False,
}


def parsed(text):
    return Predicate(text, tuple(sorted(set(re.findall(r"\b[ab]\b", text)))))


@pytest.mark.parametrize("text", BY_MEANS)
def test_which_predicates_the_means_decide(text):
    assert parsed(text).decided_by_means(3) is BY_MEANS[text]
    assert parsed(text).decided_by_means(1), "of one seed they are the seed"


def test_of_two_seeds_a_median_is_a_mean():
    text = "median(a - b) > 0 and abs(median(b)) < 3"
    assert parsed(text).decided_by_means(2)
    assert not parsed(text).decided_by_means(3)


PAIRS = st.lists(st.tuples(*2 * [st.integers(-9, 9)]), min_size=1, max_size=6)


@given(PAIRS, st.sampled_from([*BY_MEANS, "median(a - b) > 0.3", "abs(median(a + b)) < 1.1"]))
def test_where_they_decide_they_say_what_the_seeds_say(pairs, text):
    predicate = parsed(text)
    assume(predicate.decided_by_means(len(pairs)))
    seeds = {name: np.array([pair["ab".index(name)] + 0.01 for pair in pairs]) for name in predicate.names}
    means = {name: np.array([np.mean(vector)]) for name, vector in seeds.items()}
    try:
        of_seeds = predicate(seeds)
    except UndefinedError:
        assume(False)
    margin = 1e-9  # a mean of differences is the difference of means up to rounding alone
    nudged = [predicate({name: vector + sign * margin for name, vector in means.items()}) for sign in (-1, 1)]
    assert of_seeds.holds in {predicate(means).holds, *(outcome.holds for outcome in nudged)}


def accepted(entry, mean, n=5, scale="paper", data="toy (real)"):
    return Accepted("t", entry, "auc", mean, 0.1, n, scale, data, "cpu", f"commit-{entry}", "underpowered", "")


PLACES = {
    ("t", entry, "auc"): SimpleNamespace(experiment="enc", variant=entry, metric="auc") for entry in ("after", "before")
}


def test_accepted_means_judge_a_claim_whose_records_are_gone():
    rows = [accepted("after", 0.7), accepted("before", 0.9), accepted("after", 1.0, scale="quick")]
    (found,) = judge_on_means([claim("C1")], PLACES, rows, "paper")
    assert (found.key, found.outcome, found.on_means) == (("C1", "paper"), "fails", True)
    assert found.evidence == "mean(a) [0.7] > mean(b) [0.9]"
    assert (found.seeds, found.commit) == (f"5{ON_MEANS}", "commit-after; commit-before")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"rows": [accepted("after", 0.7)]}, "a quantity has no accepted number"),
        ({"rows": [accepted("after", 0.7), accepted("before", 0.9, n=4)]}, "of other seeds"),
        ({"rows": [accepted("after", 0.7), accepted("before", 0.9, data="toy (STAND-IN)")]}, "a stand-in"),
        ({"claims": [claim("C1", "all(a > b)")]}, "seed by seed"),
        (
            {"claims": [claim("C1", "mean(a) / mean(b) > 1")], "rows": [accepted("after", 1), accepted("before", 0)]},
            "x/0",
        ),
        ({"claims": [claim("C1", least="paper")], "scale": "reduced"}, "too small a scale"),
    ],
)
def test_means_are_silent_where_they_do_not_decide(changed, why):
    scale = changed.get("scale", "paper")
    rows = changed.get("rows", [accepted("after", 0.7), accepted("before", 0.9)])
    rows = [replace(row, scale=scale) for row in rows]
    assert judge_on_means(changed.get("claims", [claim("C1")]), PLACES, rows, scale) == [], why


def test_records_go_before_means_and_means_follow_their_numbers(tmp_path):
    path = tmp_path / "judged.csv"
    by_means = Judged("C1", "paper", "holds", "e", f"5{ON_MEANS}", "d", "cpu", "c")
    gone = result("C1", "not run")
    assert accept(path, gone, on_means=[by_means]) == []
    assert [row.on_means for row in read_judged(path)] == [True]
    (change,) = accept(path, gone, on_means=[replace(by_means, outcome="fails")])
    assert change.now == Standing("fails")
    (change,) = accept(path, gone)
    assert change.now == Standing("not run"), "the means decide it no more"
    assert not path.exists()
    accept(path, result("C1"), on_means=[by_means])
    assert accept(path, gone, on_means=[replace(by_means, outcome="fails")]) == []
    assert [row.on_means for row in read_judged(path)] == [False], "what records gave stays"
