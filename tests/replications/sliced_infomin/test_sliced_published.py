"""The printed numbers of deck and poster: their own arithmetic, what both print alike, and a place for each."""

import pytest

from common.evaluation.published import read_published
from common.workflow.config import load_paper


@pytest.fixture(scope="module")
def rows(root):
    found = read_published(root / "replications/sliced_infomin/published.csv")
    return {(row.artefact, row.entry): row for row in found}


def test_ratios_are_those_of_the_printed_seconds(rows):
    ratios = {entry: row.value for (artefact, entry), row in rows.items() if artefact == "table4_time"}
    assert len(ratios) == 6
    for entry, ratio in ratios.items():
        seconds = [rows["table4", f"{name}_time"].value for name in (entry, "slice")]
        assert ratio == pytest.approx(seconds[0] / seconds[1], abs=5e-4)
        assert rows["table4_time", entry].note.startswith("not printed")


def test_tables_are_whole(rows):
    entries = {artefact: {e for a, e in rows if a == artefact} for artefact, _ in rows}
    columns = ("zy", "zt", "time")
    grid = ("renyi_2", "renyi_10", "renyi_50", "tc_3", "tc_10", "tc_20", "slice")
    assert entries["table4"] == {f"{m}_{c}" for m in grid for c in columns} | {"slice_right_zy"}
    methods = ("none", "pearson", "dcorr", "slice", "renyi", "tc", "vclub")
    for table in ("table_census", "table_adult"):
        wanted = {f"{m}_{c}" for m in methods for c in columns} - {"none_time"}  # nothing is fitted there
        assert entries[table] == wanted


def test_deck_and_poster_print_the_same_but_for_one_spread(rows):
    for ours, theirs in (("slice", "slice"), ("renyi_2", "renyi"), ("tc_3", "tc")):
        for column in ("zy", "zt", "time"):
            deck, poster = rows["table4", f"{ours}_{column}"], rows["table_census", f"{theirs}_{column}"]
            assert deck.value == poster.value
            assert (deck.spread == poster.spread) == ((ours, column) != ("renyi_2", "zy"))
    assert rows["table4", "slice_right_zy"].spread != rows["table4", "slice_zy"].spread
    for entry in ("slice_right_zy", "renyi_2_zy", "tc_20_time"):
        assert "slip" in rows["table4", entry].note


def test_every_number_has_its_place_but_those_of_a_set_that_is_not_there(rows, root):
    artefacts = load_paper(root, "sliced_infomin").artefacts
    places = {(name, entry) for name, artefact in artefacts.items() for entry in artefact.values}
    assert places <= set(rows)
    assert all(artefact == "fig_slices" and entry.startswith("faces_") for artefact, entry in set(rows) - places)
