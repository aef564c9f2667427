"""Where files are looked for, and what happens when they are missing, wrong, or half there."""

import socket
import time

import pytest
from data_toys import registered, registry_of, sha256

from common.data.download import download
from common.data.errors import NotAtHandError, WrongFileError
from common.data.fetch import Finder
from common.data.files import Checksums
from common.data.registry import File

GOOD, BAD = b"the right content", b"the wrong content"


def finder(root, *files, online=False, mirrors=("mirror",), **changes):
    return Finder(registry_of(*(files or [registered("a.gz", GOOD)]), **changes), root, mirrors, online)


def leftovers(root):
    return [path.name for path in root.rglob("*") if path.name.endswith(".part")]


def test_raw_is_taken_before_a_mirror(tmp_path, drop):
    drop("mirror/toy/a.gz", GOOD)
    assert finder(tmp_path).locate("toy").source == "mirror"
    path = drop("data/raw/toy/a.gz", GOOD)
    found = finder(tmp_path).locate("toy")
    assert (found.source, found.files["a.gz"], found.sha256["a.gz"]) == ("raw", path, sha256(GOOD))


def test_mirrors_are_tried_in_order(tmp_path, drop):
    drop("second/toy/a.gz", GOOD)
    assert finder(tmp_path, mirrors=["first", "second"]).locate("toy").source == "mirror"


def test_nowhere_is_one_line_with_the_cure(tmp_path):
    with pytest.raises(NotAtHandError) as caught:
        finder(tmp_path).locate("toy")
    text = str(caught.value)
    assert "\n" not in text
    for words in ("a.gz", "data/raw/toy", "mirror/toy", "https://example.org/toy", "data/README.md"):
        assert words in text


def test_a_wrong_file_of_ours_is_moved_aside(tmp_path, drop):
    path = drop("data/raw/toy/a.gz", BAD)
    drop("mirror/toy/a.gz", GOOD)
    with pytest.raises(WrongFileError) as caught:
        finder(tmp_path).locate("toy")
    for words in ("a.gz", sha256(GOOD), sha256(BAD), "moved aside"):
        assert words in str(caught.value)
    assert not path.exists()
    assert path.with_name(f"a.gz.bad-{sha256(BAD)[:8]}").read_bytes() == BAD
    assert finder(tmp_path).locate("toy").source == "mirror"


def test_a_wrong_file_of_a_mirror_is_left_and_named(tmp_path, drop):
    path = drop("mirror/toy/a.gz", BAD)
    with pytest.raises(WrongFileError, match="repair that mirror") as caught:
        finder(tmp_path).locate("toy")
    assert str(path) in str(caught.value)
    assert path.read_bytes() == BAD
    drop("data/raw/toy/a.gz", GOOD)
    assert finder(tmp_path).locate("toy").source == "raw"


def test_a_truncated_file_is_called_so(tmp_path, drop):
    drop("mirror/toy/a.gz", GOOD[:-3])
    with pytest.raises(WrongFileError, match=r"expected 17 bytes, found 14 bytes \(truncated\?\)"):
        finder(tmp_path).locate("toy")


def test_md5_counts_where_it_is_all_that_is_known(tmp_path, drop):
    wanted = Checksums.read(drop("mirror/toy/a.gz", GOOD))["md5"]
    file = File(path="a.gz", md5=wanted)
    assert finder(tmp_path, file).locate("toy").verified
    drop("mirror/toy/a.gz", BAD)
    with pytest.raises(WrongFileError, match=f"expected md5 {wanted}"):
        finder(tmp_path, file).locate("toy")


def test_a_file_without_checksum_is_used_and_called_unverified(tmp_path, drop, caplog):
    drop("data/raw/toy/a.gz", GOOD)
    assert not finder(tmp_path, File(path="a.gz")).locate("toy").verified
    assert "no checksum is known for a.gz: used unverified" in caplog.text


def test_an_optional_file_may_be_absent_and_does_not_move_the_digest(tmp_path, drop):
    notes = registered("notes.txt", b"notes", required=False)
    drop("mirror/toy/a.gz", GOOD)
    without = finder(tmp_path, registered("a.gz", GOOD), notes).locate("toy")
    drop("mirror/toy/notes.txt", b"notes")
    with_notes = finder(tmp_path, registered("a.gz", GOOD), notes).locate("toy")
    assert set(with_notes.files) == {"a.gz", "notes.txt"}
    assert without.digest == with_notes.digest


def test_the_first_complete_layout_is_used(tmp_path, drop):
    layouts = {
        "one": [registered("a", b"a"), registered("b", b"b")],
        "two": [registered("c", b"c")],
    }
    drop("mirror/toy/a", b"a")
    drop("mirror/toy/c", b"c")
    assert finder(tmp_path, layouts=layouts).locate("toy").layout == "two"
    drop("mirror/toy/b", b"b")
    assert finder(tmp_path, layouts=layouts).locate("toy").layout == "one"


def test_a_subset_in_the_same_folder_is_not_taken_for_a_broken_whole(tmp_path, drop):
    whole, part = b"all of the images", b"some images"
    registry = registry_of(registered("a.zip", whole))
    entry = registry.entry("toy")
    subset = entry.model_copy(
        update={"kind": "subset", "parent": "toy", "layouts": {"files": (registered("a.zip", part),)}}
    )
    registry = registry.model_copy(update={"sets": {"toy": entry, "toy-part": subset}})
    found = Finder(registry, tmp_path, ["mirror"], online=False)
    drop("mirror/toy/a.zip", part)
    assert found.locate("toy-part").source == "mirror"
    with pytest.raises(NotAtHandError):
        found.locate("toy")
    drop("mirror/toy/a.zip", whole)
    assert found.locate("toy").source == "mirror"
    with pytest.raises(NotAtHandError):
        found.locate("toy-part")


def test_checksums_are_computed_once_and_again_after_a_change(tmp_path, drop, monkeypatch):
    path = drop("a.gz", GOOD)
    read, calls = Checksums.read, []
    monkeypatch.setattr(Checksums, "read", staticmethod(lambda p: calls.append(p) or read(p)))
    for _ in range(3):
        assert Checksums(tmp_path).of(path)["sha256"] == sha256(GOOD)
    assert len(calls) == 1
    path.write_bytes(BAD)
    assert Checksums(tmp_path).of(path)["sha256"] == sha256(BAD)


def test_a_broken_notebook_of_checksums_is_started_afresh(tmp_path, drop):
    path = drop("a.gz", GOOD)
    drop("data/generated/verified.json", b'{"half')
    assert Checksums(tmp_path).of(path)["sha256"] == sha256(GOOD)


def test_download_is_checked_and_kept(tmp_path, server):
    server.pages["a.gz"] = GOOD
    file = registered("a.gz", GOOD, urls=[server.url("a.gz")])
    assert finder(tmp_path, file, online=True).locate("toy").source == "download"
    assert finder(tmp_path, file, online=True).locate("toy").source == "raw"
    assert server.asked["a.gz"] == 1
    assert not leftovers(tmp_path)


def test_what_a_killed_download_left_is_swept(tmp_path, server, drop):
    drop("data/raw/toy/.a.gz.0123.part", GOOD[:4])
    server.pages["a.gz"] = GOOD
    finder(tmp_path, registered("a.gz", GOOD, urls=[server.url("a.gz")]), online=True).locate("toy")
    assert [path.name for path in (tmp_path / "data/raw/toy").iterdir()] == ["a.gz"]


def test_only_the_missing_file_is_downloaded(tmp_path, server, drop):
    server.pages |= {"a": GOOD, "b": BAD}
    files = [registered("a", GOOD, urls=[server.url("a")]), registered("b", BAD, urls=[server.url("b")])]
    drop("mirror/toy/a", GOOD)
    found = finder(tmp_path, *files, online=True).locate("toy")
    assert (found.source, server.asked["a"], server.asked["b"]) == ("download", 0, 1)


def test_a_wrong_download_is_kept_aside_never_used(tmp_path, server):
    server.pages["a.gz"] = BAD
    file = registered("a.gz", GOOD, urls=[server.url("a.gz")])
    with pytest.raises(WrongFileError, match=sha256(BAD)):
        finder(tmp_path, file, online=True).locate("toy")
    assert [p.name for p in (tmp_path / "data/raw/toy").iterdir()] == [f"a.gz.bad-{sha256(BAD)[:8]}"]


def test_the_next_address_is_asked_when_one_fails_or_lies(tmp_path, server):
    server.pages |= {"lies": BAD, "good": GOOD}
    file = registered("a.gz", GOOD, urls=[server.url(p) for p in ("gone", "lies", "good")])
    assert finder(tmp_path, file, online=True).locate("toy").sha256["a.gz"] == sha256(GOOD)


def test_a_busy_server_is_asked_again(tmp_path, server):
    server.pages["a.gz"], server.failures["a.gz"] = GOOD, 2
    download("toy", registered("a.gz", GOOD, urls=[server.url("a.gz")]), tmp_path / "a.gz", pause=0)
    assert (tmp_path / "a.gz").read_bytes() == GOOD
    assert server.asked["a.gz"] == 3


def test_a_transfer_that_breaks_off_leaves_nothing(tmp_path, server):
    server.pages["a.gz"] = GOOD
    server.cut.add("a.gz")
    file = registered("a.gz", GOOD, urls=[server.url("a.gz")])
    with pytest.raises(NotAtHandError, match=r"could not be downloaded .*by hand"):
        download("toy", file, tmp_path / "a.gz", pause=0)
    assert server.asked["a.gz"] == 3
    assert not list(tmp_path.iterdir())


def test_an_absent_page_is_not_asked_for_twice(tmp_path, server):
    file = registered("a.gz", GOOD, urls=[server.url("gone")])
    with pytest.raises(NotAtHandError, match="the server answered 404"):
        download("toy", file, tmp_path / "a.gz", pause=0)
    assert server.asked["gone"] == 1


def test_no_network_fails_fast_and_clean(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = registered("a.gz", GOOD, urls=[f"http://127.0.0.1:{port}/a.gz"])
    start = time.monotonic()
    with pytest.raises(NotAtHandError, match=r"no connection.*put it into .*data/raw/toy by hand") as caught:
        finder(tmp_path, file, online=True).locate("toy")
    assert time.monotonic() - start < 3
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "data/raw/toy").iterdir())


def test_offline_never_asks(tmp_path, server):
    server.pages["a.gz"] = GOOD
    with pytest.raises(NotAtHandError):
        finder(tmp_path, registered("a.gz", GOOD, urls=[server.url("a.gz")])).locate("toy")
    assert not server.asked


def test_a_folder_that_cannot_be_made_is_named(tmp_path, drop):
    drop("data/generated", b"a file where a folder belongs")
    with pytest.raises(Exception, match=r"data/generated.*make it writable"):
        finder(tmp_path).checksums.of(tmp_path)
