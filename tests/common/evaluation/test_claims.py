"""Claims: the language of predicates, its refusals, and what a claim may become."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.evaluation import AgreementError
from common.evaluation.claims import ClaimError, judge_claims, read_claims
from common.evaluation.predicate import Predicate, PredicateError, UndefinedError
from common.results import Origin, Provenance, Record

A, B = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 2.5, 1.0, 2.0])


def holds(text, a=A, b=B):
    """Return whether ``text`` holds on the vectors that it names."""
    used = {name: vector for name, vector in {"a": a, "b": b}.items() if re.search(rf"\b{name}\b", text)}
    return Predicate(text, tuple(used))(used).holds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mean(a) > 2.4", True),
        ("mean(a) > 2.5", False),
        ("median(b) >= 1.5", True),
        ("max(b) - min(b) <= 2.5", True),
        ("sd(a) < 1.3", True),  # sqrt(5/3) = 1.291
        ("sd(a) < 1.29", False),
        ("share(a > b) >= 0.75", True),
        ("share(a > b) > 0.75", False),
        ("all(a > b)", False),
        ("any(a < b) and not all(a < b)", True),
        ("all(a > b or a - b > -0.6)", True),
        ("all(0 < a <= 4)", True),
        ("all(0 < a < 4)", False),
        ("mean(a) / 2 * 3 + 1 > mean(-b)", True),
        ("all(abs(log(a)) < 1.4)", True),  # ln 4 = 1.386
        ("mean(a) > mean(b) > 2", False),
        ("mean(a) > " + "-" * 46 + "1", True),
    ],
)
def test_the_language_by_hand(text, expected):
    assert holds(text) is expected


REFUSED = {
    "a": "not one condition",
    "a > 1": "not one condition; compare two sides, and put a condition per seed into all()",
    "mean(a)": "not one condition",
    "mean(a) > c": "unknown name 'c'; valid: a, mean",
    "avg(a) > 1": "unknown function 'avg'; valid: mean",
    "a.mean() > 1": "unknown function 'a.mean'",
    "__import__('os').system('true') > 1": "unknown function",
    "mean(a)[0] > 1": "Subscript is not part of a predicate",
    "(lambda: 1)() > 1": "unknown function",
    "[x for x in a] > 1": "ListComp is not part",
    "mean(a) ** 9 > 1": "only + - * / are valid",
    "mean(a) == 1": "only < <= > >= are valid",
    "mean(a, a) > 1": "takes exactly one value",
    "mean(mean(a)) > 1": "works over seeds",
    "mean(a > 1) > 1": "is a condition where a number is needed",
    "all(a)": "is a number where a condition is needed",
    "mean(a) > 1 and mean(a)": "is a number where a condition is needed",
    "mean(a) > True": "True is not a number",
    "mean(a) > 'x'": "'x' is not a number",
    "mean(a) >": "is not an expression",
    "import os": "is not an expression",
    "1 < 2": "quantity 'a' is not used",
    "mean(a) > 1" + "0" * 400: "too large",
    "mean(a) > 1" + " " * 1000 + "0": "1012 characters; 1000 are the most",
    "mean(a) > " + "-" * 400 + "1": "more than 50 parts inside one another; write it flatter",
    "mean(a) > 0" + " + 1" * 200: "more than 50 parts inside one another",
    "+" + "(" * 240 + "a" + ")" * 240 + " > 1": "",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_in_the_language_is_refused_before_any_run(text):
    with pytest.raises(PredicateError) as caught:
        Predicate(text, ("a",))
    assert REFUSED[text] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_evidence_shows_both_sides_and_the_share():
    found = Predicate("mean(a) > mean(b) + 0.5 and share(a > b) >= 0.9", ("a", "b"))({"a": A, "b": B})
    assert not found.holds
    assert found.evidence == (
        "mean(a) [2.5] > mean(b) + 0.5 [1.875]; "
        "a [mean 2.5] > b [mean 1.375] in 3 of 4 seeds; share(a > b) [0.75] >= 0.9"
    )


@pytest.mark.parametrize("text", ["mean(log(b)) > 0", "mean(a / b) > 0", "log(mean(a) - 2.5) < 1"])
def test_a_value_that_is_not_finite_is_undefined_not_false(text):
    with pytest.raises(UndefinedError, match="no finite value"):
        holds(text)


def test_sd_of_one_seed_is_undefined():
    with pytest.raises(UndefinedError, match=r"sd\(a\) has no finite value"):
        holds("sd(a) < 1", a=np.array([1.0]))


TOKENS = [
    "a",
    "b",
    "mean(",
    "all(",
    "share(",
    "log(",
    "(",
    ")",
    "<",
    ">=",
    "and",
    "not",
    "-",
    "/",
    "0",
    "2.5",
    "**",
    "[",
    ":",
    "x",
    "lambda",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(TOKENS), max_size=9))
def test_any_text_is_a_predicate_or_refused_in_one_line(tokens):
    text = " ".join(tokens)
    try:
        outcome = Predicate(text, ("a", "b"))({"a": A, "b": B})
    except (PredicateError, UndefinedError) as error:
        assert "\n" not in str(error)
    else:
        assert outcome.holds in (True, False)


# claims over records

YAML = """
- id: C1
  statement: training raises the AUC
  where: Fig. 4-3
  quantities: {after: "enc/a:auc_last", before: "enc/a:auc_first"}
  predicate: "share(after > before) >= 0.9"
  least_scale: quick
- id: C2
  statement: dense networks diverge
  where: Sec. 3.4
  quantities: {diverged: "mine/dense:status.diverged"}
  predicate: "share(diverged > 0) >= 0.5"
  least_scale: reduced
  note: over all seeds
"""


def write(tmp_path, text):
    path = tmp_path / "claims.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def record(seed, metrics, status="ok", kind="generated"):
    return Record(
        paper="p", experiment="e", variant="v", seed=seed, scale="quick", metrics=metrics, params={},
        dataset=Origin(name="gaussians", kind=kind, sha256="0" * 64), status=status,
        message="" if status == "ok" else "step 3: loss is not finite",
        provenance=Provenance(
            commit="c" * 40, dirty=False, code="f", environment="e", torch="2", device="cpu", dtype="float32",
            threads=1, ensemble=1, started="2026-01-01T00:00:00+00:00", seconds=1, peak_memory_mb=1,
        ),
    )  # fmt: skip


def judged(tmp_path, cells, scale="quick"):
    claims = read_claims(write(tmp_path, YAML))
    return judge_claims(claims, lambda experiment, variant: cells.get(f"{experiment}/{variant}", []), scale)


def rising(seed, **kw):
    return record(seed, {"auc_first": 0.7, "auc_last": 0.9}, **kw)


def test_holds_fails_and_not_run(tmp_path):
    c1, c2 = judged(tmp_path, {"enc/a": [rising(0), rising(1)]})
    assert (c1.outcome, c1.seeds, c1.data) == ("holds", "2 of 2", "gaussians (generated)")
    assert "in 2 of 2 seeds" in c1.evidence
    assert (c2.outcome, c2.evidence) == ("not run", "no record of mine/dense")
    falling = record(1, {"auc_first": 0.9, "auc_last": 0.7})
    assert judged(tmp_path, {"enc/a": [rising(0), falling]})[0].outcome == "fails"


def test_seeds_that_diverged_are_counted(tmp_path):
    found = judged(tmp_path, {"enc/a": [rising(0), record(1, {}, status="diverged")]})[0]
    assert (found.outcome, found.seeds) == ("holds", "1 of 2")
    found = judged(tmp_path, {"enc/a": [record(1, {}, status="diverged")]})[0]
    assert (found.outcome, found.seeds) == ("not judged (no seed finished)", "0 of 1")


def test_divergence_itself_can_be_claimed_and_scale_is_kept(tmp_path):
    cells = {"mine/dense": [record(0, {}, status="diverged"), record(1, {"mi": 0.1})]}
    assert judged(tmp_path, cells, "reduced")[1].outcome == "holds"
    small = judged(tmp_path, cells, "quick")[1]
    assert small.outcome == "not judged (needs scale reduced)"
    assert "share(diverged > 0) [0.5] >= 0.5" in small.evidence


def test_stand_in_data_judge_nothing(tmp_path):
    found = judged(tmp_path, {"enc/a": [rising(0, kind="stand-in")]})[0]
    assert (found.outcome, found.data) == ("not judged (stand-in data)", "gaussians (STAND-IN)")
    assert found.evidence


def test_an_undefined_predicate_is_not_judged(tmp_path):
    text = YAML.replace("share(after > before) >= 0.9", "mean(log(after - after)) < mean(before)")
    found = judge_claims(read_claims(write(tmp_path, text))[:1], lambda *_: [rising(0)], "quick")[0]
    assert found.outcome == "not judged (log(after - after) has no finite value on these seeds)"


def test_a_metric_that_no_record_has_is_one_line(tmp_path):
    with pytest.raises(AgreementError, match=r"p/e/v seed 0 \(quick\): no metric 'auc_last'; valid: auc, status"):
        judged(tmp_path, {"enc/a": [record(0, {"auc": 1.0})]})


def test_a_metric_that_a_smaller_scale_does_not_make_leaves_the_claim_for_the_larger_one(tmp_path):
    text = YAML.replace("least_scale: quick", "least_scale: paper")
    claims, short = read_claims(write(tmp_path, text))[:1], [record(0, {"auc_first": 0.7})]
    found = judge_claims(claims, lambda *_: short, "quick")[0]
    assert (found.outcome, found.evidence) == ("not judged (needs scale paper)", "")
    with pytest.raises(AgreementError, match="no metric 'auc_last'"):
        judge_claims(claims, lambda *_: short, "paper")


SLIPS = {
    "{}": "claims.yaml: holds dict; write a list of claims",
    "- !!python/object/apply:os.system [true]": "claims.yaml: not readable as plain YAML",
    "- [": "claims.yaml: not readable as plain YAML",
    "- 3": "claims.yaml: claim number 1: ",
    YAML.replace("least_scale: quick", "least_scale: tiny"): "claim C1: least_scale: Input should be",
    YAML.replace("least_scale: quick", "lest_scale: quick"): "claim C1: ",
    YAML.replace("where: Fig. 4-3", "where: Fig. 4-3\n  wher: 3"): "claim C1: unknown key 'wher'; valid: id, statement",
    YAML.replace("enc/a:auc_last", "enc:auc_last"): "'enc:auc_last' is not experiment/variant:metric",
    YAML.replace("share(after", "shar(after"): "claim C1: unknown function 'shar'; valid: mean",
    YAML.replace("after", "all"): "claim C1: quantity 'all' is not a plain name, or is the name of a function",
    YAML.replace("id: C2", "id: C1"): "claim C1: this id comes twice",
    YAML.replace("enc/a:auc_last", "enc/a:status.diverged"): "claim C1: status.diverged beside other metrics, which a",
}


@pytest.mark.parametrize("text", SLIPS)
def test_a_slip_is_one_line(tmp_path, text):
    with pytest.raises(ClaimError) as caught:
        read_claims(write(tmp_path, text))
    assert SLIPS[text] in str(caught.value)
    assert "\n" not in str(caught.value)
