"""What a cell's records say where they are not all alike: data, parameters, endings and seeds."""

from types import SimpleNamespace

import pytest
from handmade import PROVENANCE

from common.evaluation.cells import DIVERGED, CellReader, vector_of
from common.evaluation.claims import Claim, judge_claims
from common.evaluation.comparison import compare
from common.evaluation.published import Published
from common.evaluation.verdicts import Measured, judge
from common.results import Origin, Record, write


def record(seed, value=0.5, *, status="ok", started="1", variant="v", params=None, **origin):
    return Record(
        paper="p",
        experiment="e",
        variant=variant,
        seed=seed,
        scale="paper",
        metrics={"auc": value},
        params=params or {"lr": 1},
        dataset=Origin(**{"name": "toy", "kind": "real", "sha256": "0" * 64, **origin}),
        status=status,
        message="" if status == "ok" else "why",
        provenance=PROVENANCE.model_copy(update={"started": started}),
    )


def compared(folder, *records):
    """Return the only row of a comparison that rests on these records."""
    for one in records:
        write(folder, one)

    place = SimpleNamespace(experiment="e", variant="v", metric="auc")
    paper = SimpleNamespace(
        name="p",
        experiments={"e": SimpleNamespace(variants={"v": None})},
        artefacts={"t": SimpleNamespace(values={"row": place})},
    )
    row = Published("t", "row", "auc", 0.5, "Table 1", tolerance=0.1)
    return compare(paper, [row], [], folder, "paper").rows[0]


def test_one_seed_on_a_stand_in_spoils_the_number(tmp_path):
    clean = [record(0, 0.5), record(1, 0.51)]
    assert compared(tmp_path / "a", *clean).judgement.verdict == "reproduced"
    assert compared(tmp_path / "b", *clean, record(2, kind="stand-in")).judgement.verdict == "not comparable"


def test_one_seed_on_a_subset_makes_it_a_subset(tmp_path):
    found = compared(tmp_path, record(0, 0.5), record(1, 0.51), record(2, subset=True))
    assert found.judgement.verdict == "not comparable"


def test_records_of_other_parameters_are_left_aside_though_the_code_is_the_same(tmp_path):
    for one in (record(0), record(1), record(2, 0.9, started="2", params={"lr": 2})):
        write(tmp_path, one)
    reader = CellReader(tmp_path, "p", "paper")
    assert [r.seed for r in reader("e", "v")] == [2]
    assert [r.seed for r in reader.left_aside("e", "v")] == [0, 1]


def test_a_seed_that_failed_neither_diverged_nor_finished():
    """It says nothing of divergence: counted as finished it would thin out the share that diverged."""
    found = vector_of([record(0), record(1, status="diverged"), record(2, status="failed")], DIVERGED)
    assert found == {0: 0.0, 1: 1.0}


@pytest.mark.parametrize("status", ["diverged", "failed"])
def test_a_metric_of_a_seed_that_did_not_finish_does_not_count(status):
    assert vector_of([record(0, 0.1), record(1, 0.9, status=status)], "auc") == {0: 0.1}


def claim(predicate):
    return Claim(
        id="C", statement="s", where="w", quantities={"a": "e/a:auc", "b": "e/b:auc"}, predicate=predicate,
        least_scale="quick",
    )  # fmt: skip


def outcome(predicate, a, b):
    (found,) = judge_claims([claim(predicate)], lambda _, variant: {"a": a, "b": b}[variant], "paper")
    return found.outcome, found.seeds


def test_claims_pair_the_seeds_that_both_cells_finished():
    """Seed 0 diverged in one cell: seeds 1 and 2 are held to seeds 1 and 2, not to 0 and 1."""
    a = [record(0, 0.0, status="diverged"), record(1, 0.2), record(2, 0.4)]
    b = [record(0, 0.9), record(1, 0.1), record(2, 0.3)]
    assert outcome("all(a > b)", a, b) == ("holds", "2 of 3")
    assert outcome("all(b < a)", a, b) == ("holds", "2 of 3")


def test_a_claim_with_one_cell_on_a_stand_in_is_not_judged():
    assert outcome("all(a > b)", [record(0, 0.9)], [record(0, 0.1, kind="stand-in")])[0] == "not judged (stand-in data)"


def test_directions_pair_equal_seeds_in_whatever_order_they_came():
    base = Published("t", "base", "auc", 0.1, "Table 1")
    row = Published("t", "row", "auc", 0.2, "Table 1", sign=">", reference=base.key)
    ours, other = {0: 0.1, 1: 0.6, 2: 1.2}, {2: 1.0, 0: 0.0, 1: 0.5}
    measured = {row.key: Measured(ours, 3), base.key: Measured(other, 3)}
    assert judge([row, base], measured, "paper")[0].direction == "holds (p=0.029)"  # t = 4 on two degrees of freedom
