"""Claims in a reading: which are judged there, and where their numbers stand."""

import pytest

from common.evaluation.claims import Claim
from common.workflow.config import PaperConfig, reading_of
from common.workflow.reading import claims_in

SCALES = {"paper": {"seeds": 1}}


def experiment(*variants):
    return {"module": "m", "dataset": "d", "params": {}, "variants": {v: {} for v in variants}, "scales": SCALES}


PAPER = PaperConfig.model_validate(
    {
        "name": "p",
        "title": "t",
        "citation": "c",
        "experiments": {
            "shown": experiment("other", "text", "code"),
            "first": experiment("text", "code"),
            "apart": experiment("text"),
        },
        "artefacts": {"t": {"title": "t", "kind": "table", "cells": ["shown/text"], "values": {"e": "shown/text:auc"}}},
        "readings": ["code"],
    }
)


@pytest.mark.parametrize(
    ("cells", "moved"),
    [
        (["shown/text"], ["shown/code"]),
        (["first/text"], ["first/code"]),
        (["shown/text", "shown/other"], ["shown/code", "shown/other"]),
        (["shown/text", "apart/text"], ["shown/code", "apart/text"]),
        (["shown/other"], None),  # not as written, so not another one in a reading
        (["apart/text"], None),
        (["shown/code"], None),
        (["first/code", "first/text"], None),  # it would compare a cell with itself
        (["none/text"], None),  # a slip, which the comparison as written names
    ],
)
def test_what_stands_as_written_is_taken_from_the_reading(cells, moved):
    names = "ab"[: len(cells)]
    quantities = {name: f"{cell}:auc" for name, cell in zip(names, cells, strict=True)}
    predicate = " and ".join(f"mean({name}) > 0" for name in names)
    claim = Claim(id="C", statement="s", where="w", quantities=quantities, predicate=predicate, least_scale="quick")
    found = claims_in([claim], PAPER, "code")
    assert [[q.cell for q in claim.quantities.values()] for claim in found] == ([moved] if moved else [])


def test_two_metrics_of_one_cell_stay_two():
    quantities = {"a": "shown/text:before", "b": "shown/text:after"}
    claim = Claim(id="C", statement="s", where="w", quantities=quantities, predicate="all(a < b)", least_scale="quick")
    (found,) = claims_in([claim], PAPER, "code")
    assert found.quantities["b"].cell == "shown/code"
    assert found.quantities["b"].metric == "after"


def test_a_number_that_a_reading_does_not_change_is_not_one_of_it():
    shown = {
        "title": "t",
        "kind": "table",
        "cells": ["shown/text"],
        "values": {"e": "shown/text:auc", "f": "apart/text:auc"},
    }
    paper = PAPER.model_copy(update={"artefacts": {"t": PAPER.artefacts["t"].model_validate(shown)}})
    values = reading_of(paper, "code").artefacts["t"].values
    assert {entry: source.variant for entry, source in values.items()} == {"e": "code"}
