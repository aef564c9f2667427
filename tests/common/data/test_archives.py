"""Archives are read in memory, and the wicked and the broken ones are refused in one line."""

import gzip
import io
import tarfile
import zipfile

import numpy as np
import pytest

from common.data import archives
from common.data.archives import open_zip, read_gzip, read_member, read_tar_members
from common.data.errors import DataError
from common.data.idx import read_idx


def make_zip(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def make_tar(path, *names):
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 5
            archive.addfile(info, io.BytesIO(b"12345"))
    return path


def test_a_member_is_read(tmp_path):
    with open_zip(make_zip(tmp_path / "a.zip", one=b"1")) as archive:
        assert read_member(archive, "one") == b"1"


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt", "/etc/out.txt", "..\\out.txt", "C:/out.txt"])
def test_a_climbing_name_is_refused(tmp_path, name):
    path = make_zip(tmp_path / "a.zip", fine=b"1", **{name: b"2"})
    with pytest.raises(DataError, match="climbs out"), open_zip(path):
        pass
    with pytest.raises(DataError, match="climbs out"):
        read_tar_members(make_tar(tmp_path / "a.tar.gz", name, "fine"), ["fine"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar.gz", "a.zip"]


@pytest.mark.parametrize("keep", [0, 10, 60])
def test_a_truncated_zip_says_so(tmp_path, keep):
    path = make_zip(tmp_path / "a.zip", one=b"x" * 500)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"a\.zip: truncated .*fetch it again") as caught, open_zip(path):
        pass
    assert "\n" not in str(caught.value)


def test_a_flipped_byte_in_a_member_is_noticed(tmp_path):
    path = make_zip(tmp_path / "a.zip", one=b"x" * 500)
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="CRC"), open_zip(path) as archive:
        read_member(archive, "one")


def test_an_absent_member_and_an_absent_file_are_named(tmp_path):
    path = make_zip(tmp_path / "a.zip", one=b"1")
    with pytest.raises(DataError, match="holds no member 'two'"), open_zip(path) as archive:
        read_member(archive, "two")
    with pytest.raises(DataError, match="no such file"), open_zip(tmp_path / "b.zip"):
        pass


def test_tar_members_are_read_and_missing_ones_named(tmp_path):
    path = make_tar(tmp_path / "a.tar.gz", "d/one", "d/two")
    assert read_tar_members(path, ["d/two"]) == {"d/two": b"12345"}
    with pytest.raises(DataError, match="d/three"):
        read_tar_members(path, ["d/three"])
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match="truncated"):
        read_tar_members(path, ["d/two"])


def test_a_link_in_a_tar_is_not_followed(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("one")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(DataError, match="holds no member 'one'"):
        read_tar_members(path, ["one"])


def test_a_truncated_gzip_says_so(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes(range(200)))[:-20])
    with pytest.raises(DataError, match="truncated"):
        read_gzip(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not an IDX"),
        (b"\0\0\x09\x01\0\0\0\1\0", "not an IDX"),
        (b"\0\0\x08\x02\0\0\0\1", "not an IDX"),
        (b"\0\0\x08\x01\0\0\0\3ab", "holds 2"),
    ],
)
def test_a_wrong_idx_is_named(tmp_path, content, words):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=words):
        read_idx(path)


def test_an_idx_is_read(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\x02\0\0\0\2\0\0\0\3abcdef"))
    assert read_idx(path).tolist() == [[97, 98, 99], [100, 101, 102]]


def test_a_flipped_byte_behind_what_was_asked_for_is_noticed(tmp_path):
    """A compressed tar has one checksum, at its end: nothing of it is known to be right before that is read."""
    raw = np.random.default_rng(0).integers(0, 256, 20_000, dtype=np.uint8).tobytes()  # stored, as noise is
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("one", "two"):
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    assert read_tar_members(path, ["one"]) == {"one": raw}
    content = bytearray(path.read_bytes())
    for place in (5_000, len(content) - 5_000):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x11]) + content[place + 1 :])
        with pytest.raises(DataError, match="truncated or not a"):
            read_tar_members(path, ["one"])


def test_a_broken_xz_is_one_line(tmp_path):
    path = tmp_path / "a.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        info = tarfile.TarInfo("one")
        info.size = 5000
        archive.addfile(info, io.BytesIO(np.random.default_rng(0).bytes(5000)))
    content = bytearray(path.read_bytes())
    content[2000] ^= 0x11
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.tar\.xz: truncated or not a"):
        read_tar_members(path, ["one"])


def test_a_member_that_unpacks_to_more_than_any_set_needs_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_BYTES", 4)
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"12345"))
    with pytest.raises(DataError, match="'one' unpacks to more"), open_zip(make_zip(tmp_path / "z", one=b"12345")) as a:
        read_member(a, "one")
    with pytest.raises(DataError, match="'one' unpacks to more"):
        read_tar_members(make_tar(tmp_path / "t.tar.gz", "one"), ["one"])
    with pytest.raises(DataError, match="'a' unpacks to more"):
        read_gzip(tmp_path / "a.gz")
