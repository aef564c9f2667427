"""What lies at hand is seen without reading it: the set itself, else a registered subset."""

import pytest
from data_toys import registered

from common.data.arrivals import at_hand, has_arrived
from common.data.registry import Registry
from common.results import Origin

FILES = [registered("a.gz", b"one"), registered("b.gz", b"two")]


@pytest.fixture
def registry():
    entry = {"title": "t", "items": 1, "licence": "none", "home": "https://example.org", "reader": "mnist"}
    whole = entry | {"kind": "full", "mirrors": ["toy"], "layouts": {"files": FILES}}
    few = entry | {"kind": "subset", "parent": "toy", "layouts": {"files": [registered("few.gz", b"few")]}}
    return Registry(version=1, sets={"toy": whole, "toy-few": few})


def test_the_set_counts_when_all_of_it_is_there_and_a_subset_before_that(tmp_path, drop, registry):
    look = (tmp_path, ["mirror"], registry)
    assert at_hand("toy", *look) == at_hand("unknown", *look) == ""
    drop("data/raw/toy-few/few.gz", b"few")
    drop("mirror/toy/a.gz", b"one")
    assert at_hand("toy", *look) == at_hand("toy-few", *look) == "toy-few"
    drop("data/raw/toy/b.gz", b"two")
    assert at_hand("toy", *look) == "toy"
    assert not (tmp_path / "data/generated").exists(), "a look leaves nothing"


@pytest.mark.parametrize(
    ("kind", "policy", "arrived"),
    [("stand-in", "auto", True), ("stand-in", "standin", False), ("real", "auto", False), ("generated", "auto", False)],
)
def test_data_arrive_for_what_saw_a_stand_in_and_would_take_them(tmp_path, drop, registry, kind, policy, arrived):
    drop("data/raw/toy-few/few.gz", b"few")
    origin = Origin(name="toy", kind=kind, sha256="0" * 64)
    assert has_arrived(origin, policy, tmp_path, [], registry) is arrived
