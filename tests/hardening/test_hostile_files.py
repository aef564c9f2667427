"""Files that are not what they say: pickles in place of arrays and weights, tags in YAML, archives under lock.

``tests/common/data`` holds climbing paths, truncated archives, wrong checksums and the official pickles; here is what
goes beyond. The canary fails a test if anything in such a file was executed.
"""

import io
import os
import pickle
import zipfile
from itertools import pairwise

import numpy as np
import pytest
import torch
from data_toys import registered, registry_of
from PIL import Image

import common.data
from common.data import dsprites
from common.data.archives import open_zip, read_member
from common.data.caching import cached
from common.data.decoded import open_picture
from common.data.errors import DataError
from common.data.registry import read_registry
from common.evaluation.claims import ClaimError, read_claims
from common.results import RecordError, read
from common.results.plain_yaml import YamlError, parse_yaml
from common.training.checkpoint import Checkpoint
from common.workflow.__main__ import main
from common.workflow.config import ConfigError, load_yaml
from common.workflow.settings import run_config


class Wicked:
    """Unpickling it makes the canary."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def line(caught):
    assert "\n" not in str(caught.value)
    return str(caught.value)


# pickles


@pytest.mark.parametrize("member", ["latents_classes", "imgs"])
def test_an_npz_of_pickled_objects_is_refused(tmp_path, canary, member):
    arrays = {"latents_classes": np.zeros((3, 6), np.int64), "imgs": np.zeros((3, 64, 64), np.uint8)}
    arrays["latents_classes"] = dsprites.factors_of(np.arange(3))
    arrays[member] = np.array([Wicked(canary)] * 3, dtype=object)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    (tmp_path / "data/raw/toy").mkdir(parents=True)
    (tmp_path / "data/raw/toy/d.npz").write_bytes(buffer.getvalue())
    registry = registry_of(layouts={"npz": [registered("d.npz", buffer.getvalue())]}, reader="dsprites")
    with pytest.raises(DataError, match=r"d\.npz: ") as caught:
        common.data.load("toy", registry=registry, root=tmp_path, mirrors=[], online=False)
    assert "not the arrays expected" in line(caught) or "not rows of bytes" in line(caught)


def test_a_cache_that_turned_into_a_pickle_is_made_again(tmp_path, canary, caplog):
    array = np.arange(10)
    cached(tmp_path, "toy", "key", lambda sink: sink.put("a", array))
    (stored,) = (tmp_path / "data/generated/toy").glob("*/a.npy")
    np.save(stored, np.array([Wicked(canary)], dtype=object), allow_pickle=True)
    manifest = stored.with_name("manifest.json")
    from common.data.files import Checksums

    size, digest = stored.stat().st_size, Checksums.read(stored)["sha256"]
    manifest.write_text(f'{{"a.npy": {{"bytes": {size}, "sha256": "{digest}"}}}}')  # it even bears the right checksum
    assert np.array_equal(cached(tmp_path, "toy", "key", lambda sink: sink.put("a", array)).arrays["a"], array)
    assert "damaged; making them again" in caplog.text


@pytest.mark.parametrize("kind", ["pickle", "torch", "truncated", "empty"])
def test_weights_that_are_none_are_refused(tmp_path, canary, kind):
    path = tmp_path / "seed=0.safetensors"
    checkpoint = Checkpoint(path)
    checkpoint.save({"a": torch.zeros(100)}, {})
    if kind == "torch":
        torch.save({"a": Wicked(canary)}, path)
    else:
        path.write_bytes(
            {"pickle": pickle.dumps(Wicked(canary)), "truncated": path.read_bytes()[:-8], "empty": b""}[kind]
        )
    with pytest.raises(
        OSError, match=r"seed=0\.safetensors: not a readable tensor file .*delete it and run again"
    ) as e:
        checkpoint.resume()
    line(e)


# YAML

TAGS = [
    "!!python/object/apply:os.system ['touch {canary}']",
    "!!python/object/new:os.system ['touch {canary}']",
    "!!python/name:os.system",
    "!!python/module:os",
    "!unknown x",
    "!!int x",
    "!!bool maybe",
    "!!float x",
    "!!timestamp x",
    "2026-13-45",
    "!!binary ö",
    "{[1]: 2}: 3",
    "[" * 500,
    "\x00",
]


@pytest.mark.parametrize("text", TAGS, ids=lambda text: text[:24].strip("[\x00") or "deep or zero")
def test_no_reader_of_yaml_takes_a_tag(tmp_path, canary, text, monkeypatch, capsys):
    text = text.replace("{canary}", str(canary))
    path = tmp_path / "file.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(YamlError) as caught:
        parse_yaml(text)
    line(caught)
    for reader, error in ((load_yaml, ConfigError), (read_registry, DataError), (read_claims, ClaimError)):
        with pytest.raises(error, match=r"file\.yaml") as caught:
            reader(path)
        line(caught)
    with pytest.raises(ConfigError, match="set") as caught:
        run_config({"set": f"p.e.key={text.replace(',', ' ')}"})
    line(caught)
    monkeypatch.chdir(common.data.registry.checkout())
    assert main(["plan", "--config", f"seeds={text}"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("expunge: --config: seeds: ")
    assert said.count("\n") == 1


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "file.yaml"
    path.write_bytes(b"\xff\xfe\x00a: b")
    for reader, error in ((load_yaml, ConfigError), (read_registry, DataError), (read_claims, ClaimError)):
        with pytest.raises(error, match=r"file\.yaml") as caught:
            reader(path)
        line(caught)


def test_aliases_that_multiply_are_not_spelt_out(tmp_path):
    """Nine lists of nine aliases each are a few lines of YAML and three thousand million entries."""
    names = "abcdefghi"
    text = "scale: &a [x, x, x, x, x, x, x, x, x]\n"
    text += "".join(f"{n}: &{n} [{', '.join([f'*{before}'] * 9)}]\n" for before, n in pairwise(names))
    content = parse_yaml(text)
    with pytest.raises(ConfigError) as caught:
        run_config({"scale": content["i"]})
    assert len(line(caught)) < 1000


# archives


def test_a_locked_member_of_a_zip(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("one", b"content")
    content = bytearray(buffer.getvalue())
    content[6] |= 1  # the local header's flag: encrypted
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the directory's
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.zip: .*encrypted") as caught, open_zip(path) as archive:
        read_member(archive, "one")
    line(caught)


@pytest.mark.parametrize("error", [SyntaxError, TypeError, ValueError, Image.DecompressionBombError])
def test_a_picture_that_pillow_refuses_is_one_line(monkeypatch, error):
    def refuse(stream):
        raise error("broken")

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(DataError, match=r"faces\.zip:a\.png: not a readable picture \(broken\)"):
        open_picture(b"x", "faces.zip:a.png")


def test_a_record_nested_beyond_measure(tmp_path):
    path = tmp_path / "seed=0.json"
    path.write_text("[" * 200_000)
    with pytest.raises(RecordError, match=r"seed=0\.json: not a JSON record .*delete it and run again") as e:
        read(path)
    line(e)
