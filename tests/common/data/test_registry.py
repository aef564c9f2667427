"""The registry: the committed file is right, and a wrong one is named in one line."""

import hashlib

import pytest
import yaml
from data_toys import MIRROR

from common.data.errors import DataError
from common.data.fetch import Finder
from common.data.readers import cifar10
from common.data.registry import default_registry, read_registry

PLAIN = {
    "title": "t",
    "kind": "full",
    "items": 1,
    "licence": "l",
    "home": "h",
    "reader": "mnist",
    "layouts": {"files": [{"path": "a.gz", "sha256": "0" * 64}]},
}


def read(tmp_path, entry):
    path = tmp_path / "registry.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "sets": {"toy": entry}}))
    return read_registry(path)


def test_the_plain_one_is_accepted(tmp_path):
    assert read(tmp_path, PLAIN).entry("toy").items == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": "red"}, "colour"),
        ({"items": 0}, "items"),
        ({"kind": "half"}, "kind"),
        ({"kind": "subset"}, "parent"),
        ({"parent": "other"}, "parent"),
        ({"kind": "subset", "parent": "other"}, "other"),
        ({"mirrors": ["../elsewhere"]}, "stays inside"),
        ({"mirrors": ["/etc"]}, "stays inside"),
        ({"reader": None}, "reader"),
        ({"standin": "nothing"}, "standin"),
        ({"layouts": {"files": [{"path": "../a", "sha256": "0" * 64}]}}, "stays inside"),
        ({"layouts": {"files": [{"path": "a", "sha256": "xyz"}]}}, "sha256"),
        ({"layouts": {"files": [{"path": "a", "urls": ["https://example.org/a"]}]}}, "needs a checksum"),
        ({"layouts": {"files": [{"path": "a", "md5": "0" * 32, "urls": ["ftp://example.org/a"]}]}}, "http"),
        ({"layouts": {"files": [{"path": "a", "required": False}]}}, "at least one"),
        ({"layouts": {"files": [{"path": "a"}, {"path": "a"}]}}, "distinct"),
    ],
)
def test_a_wrong_entry_is_one_line_that_names_it(tmp_path, change, words):
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path, PLAIN | change)
    assert "\n" not in str(caught.value)
    assert "registry.yaml" in str(caught.value)


@pytest.mark.parametrize("text", ["sets: [", "a: b: c", "!!python/object/apply:os.getcwd []"])
def test_bad_yaml_is_one_line(tmp_path, text):
    path = tmp_path / "registry.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match="not valid YAML") as caught:
        read_registry(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.yaml"):
        read_registry(tmp_path / "absent.yaml")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(DataError, match=r"unknown data set 'mnits'; known: adult, .*mnist"):
        default_registry().entry("mnits")


def test_every_subset_of_the_design_has_its_parent():
    wanted = {
        "celeba-10k": "celeba",
        "fairface-7500": "fairface",
        "mnist-m-8000": "mnist-m",
        "stl10-train32": "stl10",
        "us-census-county": "us-census-tract",
    }
    registry = default_registry()
    for name, parent in wanted.items():
        assert registry.entry(name).parent == parent
        assert registry.subsets(parent) == (name,)


def test_checksums_agree_with_the_list_beside_the_mirror():
    listed = MIRROR / "SHA256SUMS"
    if not listed.exists():
        pytest.skip("no mirror of the data sets, with its list of checksums, beside this checkout")
    sums = dict(reversed(line.split()) for line in listed.read_text().splitlines())
    compared = 0
    for entry in default_registry().sets.values():
        for files in entry.layouts.values():
            for file in files:
                found = {sums.get(f"{folder}/{file.path}") for folder in entry.mirrors} - {None}
                if (found and entry.kind == "subset") or file.sha256 in sums.values():
                    assert found == {file.sha256}
                    compared += 1
    assert compared >= 26


def test_registered_cifar_batches_are_the_official_ones(real, tmp_path):
    """The registry's sha256 of the six batches belong to the bytes whose MD5 is official."""
    real("cifar10")
    entry = default_registry().entry("cifar10")
    files = {file.path: file for file in entry.layouts["batches"]}
    found = Finder(default_registry(), tmp_path, [MIRROR], online=False).locate("cifar10")
    batch = "test_batch"
    content = cifar10.batch_bytes(batch, found, {})
    assert hashlib.md5(content, usedforsecurity=False).hexdigest() == cifar10.OFFICIAL_MD5[batch]
    assert hashlib.sha256(content).hexdigest() == files[batch].sha256
    assert len(content) == files[batch].bytes
