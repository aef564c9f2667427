"""The door: real, its subset, a recipe or a stand-in, and never one for the other in silence."""

import gzip
import struct

import numpy as np
import pytest
from data_toys import registered, registry_of

import common.data
from common.data import DataError, Framing, ImageSet, TableSet
from common.data.errors import WrongFileError
from common.data.registry import Registry, default_registry


def idx(array):
    head = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes(), mtime=0)


def digit_files(n=6):
    """Return four small files in MNIST's format."""
    images = np.arange(n * 28 * 28, dtype=np.int64).reshape(n, 28, 28) % 256
    labels = np.arange(n) % 10
    contents = {"images-idx3": images, "labels-idx1": labels}
    return {
        f"{split}-{kind}-ubyte.gz": idx(array[: n if split == "train" else 2])
        for split in ("train", "t10k")
        for kind, array in contents.items()
    }


@pytest.fixture
def toy(tmp_path, drop):
    """Return a loader of a small set in MNIST's format, which lies in the mirror."""
    files = digit_files()
    registry = registry_of(*(registered(path, content) for path, content in files.items()), standin="digits")
    for path, content in files.items():
        drop(f"mirror/toy/{path}", content)

    def load(name="toy", **how):
        how = {"registry": registry, "root": tmp_path, "mirrors": ["mirror"], "online": False} | how
        return common.data.load(name, **how)

    load.registry, load.files = registry, files
    return load


@pytest.mark.parametrize("policy", ["auto", "real"])
def test_the_real_set_is_taken_where_it_is(toy, policy):
    found = toy(policy=policy)
    assert (found.origin.name, found.origin.kind, found.origin.subset) == ("toy", "real", False)
    assert found.message == ""
    assert found.images.shape == (8, 1, 28, 28)
    assert found.images.dtype == np.uint8
    assert found.labels["digit"].tolist() == [0, 1, 2, 3, 4, 5, 0, 1]
    assert found.splits["test"].tolist() == [6, 7]
    assert not found.images.flags.writeable


def test_a_part_has_its_own_rows(toy):
    part = toy().part("test")
    assert len(part) == 2
    assert part.labels["digit"].tolist() == [0, 1]
    assert part.splits["test"].tolist() == [0, 1]
    with pytest.raises(KeyError, match="this set has test, train"):
        toy().part("validation")


def test_standin_uses_nothing_else(toy, caplog):
    found = toy(policy="standin")
    assert found.origin.kind == "stand-in"
    assert "STAND-IN" in found.message
    assert found.message in caplog.text


def test_auto_takes_the_standin_and_says_why(toy, tmp_path, caplog):
    (tmp_path / "mirror/toy/t10k-labels-idx1-ubyte.gz").unlink()
    found = toy()
    assert found.origin.kind == "stand-in"
    assert "t10k-labels-idx1-ubyte.gz not found" in found.message
    assert found.message in caplog.text


def test_real_refuses_a_standin(toy, tmp_path):
    (tmp_path / "mirror/toy/t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"t10k-labels.*data=real refuses a stand-in") as caught:
        toy(policy="real")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("policy", ["auto", "real"])
def test_a_wrong_file_is_an_error_under_every_policy_that_reads(toy, drop, policy):
    drop("mirror/toy/t10k-labels-idx1-ubyte.gz", b"something else")
    with pytest.raises(WrongFileError):
        toy(policy=policy)


def test_a_download_that_is_refused_ends_in_the_standin(toy, tmp_path, server):
    files = [registered(path, content, urls=[server.url("gone")]) for path, content in toy.files.items()]
    registry = registry_of(*files, standin="digits")
    found = toy(registry=registry, mirrors=[], online=True)
    assert found.origin.kind == "stand-in"
    assert "404" in found.message


def test_a_download_makes_the_set_real(toy, server):
    server.pages |= toy.files
    files = [registered(path, content, urls=[server.url(path)]) for path, content in toy.files.items()]
    found = toy(registry=registry_of(*files), mirrors=[], online=True, policy="real")
    assert found.origin.kind == "real"
    assert len(found) == 8


def test_a_subset_takes_the_place_of_the_whole_and_bears_its_own_name(toy, caplog):
    part = toy.registry.entry("toy")
    whole = part.model_copy(update={"layouts": {"files": (registered("absent.gz", b"whole"),)}})
    subset = part.model_copy(update={"kind": "subset", "parent": "whole"})
    registry = Registry(version=1, sets={"whole": whole, "toy": subset})
    found = toy("whole", registry=registry, policy="real")
    assert (found.origin.name, found.origin.kind, found.origin.subset) == ("toy", "real", True)
    assert "Using its subset toy (10 items)" in caplog.text


def test_origin_follows_the_content(toy, drop, tmp_path):
    one = toy().origin.sha256
    other = digit_files(5)
    for path, content in other.items():
        drop(f"data/raw/toy/{path}", content)
    registry = registry_of(*(registered(path, content) for path, content in other.items()))
    assert toy(registry=registry).origin.sha256 != one
    assert len(toy(registry=registry)) == 7


def test_framing_is_part_of_the_cache(toy):
    assert toy(framing=Framing(size=14)).images.shape == (8, 1, 14, 14)
    assert toy().images.shape == (8, 1, 28, 28)


def test_a_corrupted_cache_is_rebuilt(toy, tmp_path, caplog):
    whole = np.array(toy().images)
    (path,) = (tmp_path / "data/generated/toy").glob("*/images.npy")
    path.write_bytes(path.read_bytes()[:1000])
    assert np.array_equal(toy().images, whole)
    assert "damaged" in caplog.text


@pytest.mark.parametrize(
    ("how", "words"),
    [({"policy": "maybe"}, "none of auto, real, standin"), ({"name": "tyo"}, "unknown data set 'tyo'; known: toy")],
)
def test_a_wrong_wish_lists_the_valid_ones(toy, how, words):
    with pytest.raises(DataError, match=words):
        toy(**how)


def test_a_set_without_standin_says_so(toy):
    with pytest.raises(DataError, match="has no stand-in"):
        toy(policy="standin", registry=registry_of(registered("a", b"a")))


def test_names_are_the_registered_ones():
    assert {"mnist", "celeba-10k", "dsprites"} <= set(common.data.names())


@pytest.mark.parametrize("policy", ["auto", "real", "standin"])
def test_dsprites_are_drawn_under_every_policy(tmp_path, policy):
    found = common.data.load("dsprites", policy=policy, root=tmp_path, mirrors=[], online=False)
    assert found.origin.kind == "generated"
    assert found.images.shape == (737_280, 1, 64, 64)
    assert found.labels["shape"][[0, -1]].tolist() == [0, 2]


# Whatever is at hand here: every registered set answers under auto, with what it truly is written on it.
@pytest.mark.parametrize("name", [name for name in default_registry().sets if name != "dsprites"])
def test_every_set_can_be_had_without_files(tmp_path_factory, name):
    root = tmp_path_factory.getbasetemp() / "standins"
    root.mkdir(exist_ok=True)
    found = common.data.load(name, root=root, mirrors=[], online=False)
    assert found.origin.kind == "stand-in"
    assert found.origin.name == name
    assert isinstance(found, ImageSet | TableSet)
    assert sum(map(len, found.splits.values())) == len(found)
