"""Folders that are read-only: data, caches and results each say so in one line with the cure."""

import pytest
from cells import configuration, files, run
from data_toys import registered, registry_of, sha256

import common.data
from common.data.caching import cached
from common.data.errors import DataError, WrongFileError
from common.data.fetch import Finder

GOOD, BAD = b"the right content", b"the wrong content"


def said(caught):
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_data_folder_without_a_cache(tmp_path, read_only):
    (tmp_path / "data").mkdir()
    read_only(tmp_path / "data")
    with pytest.raises(DataError, match=r"data/generated.*make it writable") as caught:
        common.data.load("mnist", policy="standin", root=tmp_path)
    said(caught)


def test_a_folder_of_caches(tmp_path, read_only):
    generated = tmp_path / "data/generated"
    generated.mkdir(parents=True)
    read_only(generated)
    with pytest.raises(DataError, match=r"data/generated/.*make it writable") as caught:
        cached(tmp_path, "toy", "key", lambda sink: None)
    said(caught)


def test_files_are_checked_though_their_checksums_cannot_be_noted(tmp_path, read_only):
    raw = tmp_path / "data/raw/toy"
    raw.mkdir(parents=True)
    (raw / "a.gz").write_bytes(GOOD)
    (tmp_path / "data/generated").mkdir()
    read_only(tmp_path / "data")
    found = Finder(registry_of(registered("a.gz", GOOD)), tmp_path, [], online=False).locate("toy")
    assert found.sha256["a.gz"] == sha256(GOOD)


def test_a_wrong_file_that_cannot_be_moved_aside_is_still_called_wrong(tmp_path, read_only):
    raw = tmp_path / "data/raw"
    (raw / "toy").mkdir(parents=True)
    (raw / "toy/a.gz").write_bytes(BAD)
    read_only(raw)
    with pytest.raises(WrongFileError) as caught:
        Finder(registry_of(registered("a.gz", GOOD)), tmp_path, [], online=False).locate("toy")
    for words in (sha256(GOOD), sha256(BAD), "cannot be moved aside", "put a good copy in its place"):
        assert words in said(caught)
    assert (raw / "toy/a.gz").read_bytes() == BAD


def test_results(tmp_path, read_only, capsys):
    results = tmp_path / "results"
    assert run(configuration(tmp_path), results) == 0
    before = files(results)
    read_only(results)
    assert run(configuration(tmp_path, version=2), results) == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "seed=0.json" in line
    assert "make it writable" in line
    assert files(results) == before
