import json
import math
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pydantic import ValidationError

from common.results import Cell, Origin, Provenance, Record, RecordError, find, read, read_at, record_path, write
from common.results.atomic import sweep, write_atomically
from common.results.store import write_all

CELL = Cell(paper="p", experiment="e", variant="v", scale="quick")


def record(seed=0, **changes):
    fields = {
        "paper": "p",
        "experiment": "e",
        "variant": "v",
        "dataset": Origin(name="d", kind="generated", sha256="0" * 64),
        "seed": seed,
        "scale": "quick",
        "metrics": {"auc": 0.5},
        "series": {"curve": [0.1, None, math.nan]},
        "params": {"lr": 1e-4, "nested": {"a": [1, 2]}},
        "provenance": Provenance(
            commit="c",
            dirty=False,
            code="f" * 16,
            environment="e",
            torch="2",
            device="cpu",
            dtype="fp32",
            threads=1,
            ensemble=1,
            started="2026-01-01T00:00:00+00:00",
            seconds=1.0,
            peak_memory_mb=1.0,
        ),
    }
    return Record(**{**fields, **changes})


def test_what_is_written_is_read_back(tmp_path):
    path = write(tmp_path, record())
    assert path == tmp_path / "quick/p/e/v/seed=0.json"
    again = read(path)
    assert again.metrics == {"auc": 0.5}
    assert again.series["curve"] == [0.1, None, None], "a gap in a series is null, never NaN"
    assert again.params == {"lr": 1e-4, "nested": {"a": [1, 2]}}
    assert path.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_metric_that_is_not_finite_is_refused_by_name(value):
    with pytest.raises(ValidationError, match="auc is not"):
        record(metrics={"auc": value})


def test_a_diverged_record_says_why():
    with pytest.raises(ValidationError, match="must say why"):
        record(status="diverged")
    assert record(status="diverged", message="step 12: bound is inf").status == "diverged"


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a b"])
def test_names_that_could_leave_the_folder_are_refused(name):
    with pytest.raises(ValidationError):
        Cell(paper=name, experiment="e", variant="v", scale="quick")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not a JSON record"),
        ("[]", "schema None"),
        ('{"schema_version": 99}', "schema 99"),
        ('{"schema_version": 1}', "Field required"),
        ("\xff\xfe", "not a JSON record"),
    ],
)
def test_a_broken_record_is_one_line_with_file_and_cure(tmp_path, text, words):
    path = tmp_path / "seed=0.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(RecordError) as error:
        read(path)
    assert str(path) in str(error.value)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_record_names_the_file(tmp_path):
    with pytest.raises(RecordError, match=r"seed=3\.json: no such record"):
        read(record_path(tmp_path, CELL, 3))


def test_find_orders_by_seed_and_ignores_what_is_no_record(tmp_path):
    for seed in (10, 2):
        write(tmp_path, record(seed))
    for name in ("seed=1.json.bak", "seed=02.json"):
        (tmp_path / "quick/p/e/v" / name).write_text("x")
    assert [r.seed for r in find(tmp_path, CELL)] == [2, 10]
    assert find(tmp_path, CELL.model_copy(update={"variant": "none"})) == []


def test_a_record_counts_at_its_own_place_alone(tmp_path):
    path = write(tmp_path, record())
    assert read_at(tmp_path, CELL, 0) == read(path)
    shutil.copy(path, path.with_name("seed=1.json"))
    with pytest.raises(RecordError) as caught:
        find(tmp_path, CELL)
    place = tmp_path / "quick/p/e/v/seed=1.json"
    said = "holds the record of p/e/v seed 0 at quick, not of p/e/v seed 1 at quick; delete it and run again"
    assert str(caught.value) == f"{place}: {said}"

    shutil.copytree(tmp_path / "quick", tmp_path / "reduced")
    with pytest.raises(RecordError, match="seed 0 at quick, not of p/e/v seed 0 at reduced"):
        read_at(tmp_path, CELL.model_copy(update={"scale": "reduced"}), 0)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = write(tmp_path, record())
    before = path.read_text()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path, record(metrics={"auc": 0.9}))
    assert path.read_text() == before
    assert os.listdir(path.parent) == [path.name]


def test_records_of_one_run_are_written_all_or_none(tmp_path, monkeypatch):
    records = [record(seed) for seed in range(3)]
    sync, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device; it cannot be written") as caught:
        write_all(tmp_path, records)
    assert caught.value.filename == str(record_path(tmp_path, CELL, 2))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    monkeypatch.undo()
    assert write_all(tmp_path, records) == [record_path(tmp_path, CELL, seed) for seed in range(3)]
    assert [r.seed for r in find(tmp_path, CELL)] == [0, 1, 2]


def test_the_half_of_a_killed_writer_is_swept_and_that_of_a_living_one_stays(tmp_path):
    killed = subprocess.Popen([sys.executable, "-c", "import os, time; time.sleep(60)"])
    host = socket.gethostname()
    halves = [tmp_path / f".{name}~{host}~{killed.pid}~0123abcd" for name in ("x.json", "y.json")]
    elsewhere = tmp_path / f".x.json~{host}-other~{killed.pid}~0123abcd"
    for half in (*halves, elsewhere):
        half.write_text("{")
    sweep(tmp_path)
    assert all(half.exists() for half in halves), "its writer lives"
    killed.kill()
    killed.wait()
    write_atomically(tmp_path / "x.json", "{}")
    assert sorted(os.listdir(tmp_path)) == sorted([elsewhere.name, halves[1].name, "x.json"]), "only its own halves"
    sweep(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([elsewhere.name, "x.json"]), "who lives elsewhere is not judged"


def test_two_writers_at_once_leave_one_whole_file(tmp_path):
    path = tmp_path / "x.json"
    texts = [json.dumps({"writer": k, "filler": "x" * 100_000}) for k in range(4)]
    threads = [threading.Thread(target=lambda t=t: [write_atomically(path, t) for _ in range(10)]) for t in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in texts
    assert os.listdir(tmp_path) == ["x.json"]


def test_commit_of_a_folder_without_git(tmp_path):
    from common.results.provenance import commit_of

    assert commit_of(Path(tmp_path)) == ("unknown", True)
