"""Decoded arrays: made once, mapped read-only, never half there, never trusted when damaged."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from common.data.caching import cached
from common.data.errors import DataError

ARRAY = np.arange(1000, dtype=np.int64)


class Decoder:
    def __init__(self):
        self.calls = 0

    def __call__(self, sink):
        self.calls += 1
        sink.put("plain", ARRAY)
        sink.create("mapped", (3, 2), np.uint8)[:] = 7


def folder(root):
    (found,) = [path for path in (root / "data/generated/toy").iterdir() if not path.name.startswith(".")]
    return found


def test_made_once_and_mapped_read_only(tmp_path):
    decoder = Decoder()
    first = cached(tmp_path, "toy", "key", decoder)
    second = cached(tmp_path, "toy", "key", decoder)
    assert decoder.calls == 1
    assert first.digest == second.digest
    assert isinstance(second.arrays["plain"], np.memmap)
    assert np.array_equal(second.arrays["plain"], ARRAY)
    assert (second.arrays["mapped"] == 7).all()
    with pytest.raises(ValueError, match="read-only"):
        second.arrays["plain"][0] = 1


def test_another_key_is_another_cache(tmp_path):
    decoder = Decoder()
    cached(tmp_path, "toy", "key", decoder)
    cached(tmp_path, "toy", "other", decoder)
    assert decoder.calls == 2


def truncate(path):
    path.write_bytes(path.read_bytes()[:-8])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


def remove(path):
    path.unlink()


@pytest.mark.parametrize("victim", ["plain.npy", "manifest.json"])
@pytest.mark.parametrize("damage", [truncate, flip, remove])
def test_a_damaged_cache_is_made_again_with_a_message(tmp_path, caplog, damage, victim):
    decoder = Decoder()
    whole = cached(tmp_path, "toy", "key", decoder).digest
    damage(folder(tmp_path) / victim)
    again = cached(tmp_path, "toy", "key", decoder)
    assert decoder.calls == 2
    assert "damaged; making them again" in caplog.text
    assert again.digest == whole
    assert np.array_equal(again.arrays["plain"], ARRAY)


def test_a_decoder_that_fails_leaves_nothing(tmp_path):
    def fails(sink):
        sink.put("plain", ARRAY)
        raise DataError("broken source")

    with pytest.raises(DataError, match="broken source"):
        cached(tmp_path, "toy", "key", fails)
    assert not list((tmp_path / "data/generated/toy").iterdir())


def test_what_a_killed_job_left_is_swept_after_a_day(tmp_path):
    base = tmp_path / "data/generated/toy"
    old, young = base / ".old.part", base / ".young.part"
    old.mkdir(parents=True)
    young.mkdir()
    os.utime(old, (0, 0))
    cached(tmp_path, "toy", "key", Decoder())
    assert not old.exists()
    assert young.exists()


def test_jobs_at_once_decode_once(tmp_path):
    decoder = Decoder()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: cached(tmp_path, "toy", "key", decoder).digest, range(4)))
    assert decoder.calls == 1
    assert len(set(found)) == 1
