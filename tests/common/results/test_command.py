import json
import re

import pandas as pd
import pytest
from handmade import made

from common.plotting.cli import draw
from common.results import write
from common.results.tables import write_table


def table(argv):
    return write_table(argv, "p", {"t": lambda records: pd.DataFrame({"a": [records[0].metrics["acc"]]})}, "test")


def figure(argv):
    return draw(argv, "p", {"t": None}, "test")


@pytest.mark.parametrize(("make", "name"), [(table, "t.pdf"), (table, "t"), (figure, "t.gif"), (figure, "t.csv")])
def test_an_ending_that_is_none_of_those_offered_is_said_before_anything_is_read(tmp_path, capsys, make, name):
    assert make(["t", str(tmp_path / name), "--records", str(tmp_path / "none.json")]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"p t: {tmp_path / name}: the endings are .")
    assert said.count("\n") == 1


def test_a_metric_that_is_not_there_is_named_and_who_asked_for_it(tmp_path, capsys):
    path = write(tmp_path, made(metrics={"acc": 0.5}))
    out = tmp_path / "t.csv"
    assert table(["t", str(out), "--records", str(path)]) == 0
    assert out.read_text() == "a\n0.5\n"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"metrics": {}}))
    assert table(["t", str(out), "--records", str(path)]) == 1
    said = capsys.readouterr().err
    assert re.fullmatch(r"p t: the records hold no 'acc', which test_command\.py:\d+ asks for\n", said)
