"""What is drawn of several seeds, what is said of it, and the stamp."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from common.plotting import band, curves, figure, finish, in_words, save
from common.plotting.figure import made_by
from tests.handmade import made

RECORD = made()


@pytest.fixture
def axes():
    fig, (axes,) = figure()
    yield axes
    plt.close(fig)


def edges(axes):
    return np.concatenate([path.vertices[:, 1] for path in axes.collections[0].get_paths()])


def test_a_band_is_the_mean_and_one_sd(axes):
    band(axes, np.arange(2), np.array([[0.2, 0.9], [0.4, 1.0]]))
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.3, 0.95])
    assert edges(axes).max() == pytest.approx(0.95 + np.std([0.9, 1.0], ddof=1))


def test_a_band_ends_where_the_quantity_does(axes):
    band(axes, np.arange(2), np.array([[0.0, 0.9], [0.1, 1.0]]), limits=(0, 1))
    assert (edges(axes).min(), edges(axes).max()) == (0, 1)


def test_one_seed_has_no_band(axes):
    curves(axes, [[1.0, None, 2.0]])
    assert len(axes.collections) == 0


def test_words_say_what_is_drawn():
    assert in_words(3) == "band: mean ± sd over seeds"
    assert in_words(3, light=True) == "light: single seeds, band: mean ± sd over seeds"
    assert in_words(3, light=True, smoothed=True).split(", ")[1] == "dark: mean of their moving averages (0.6)"
    assert in_words(2, within="0 to 1").endswith("over seeds within 0 to 1")


def test_words_of_one_seed_know_no_band():
    assert in_words(1) == ""
    assert in_words(1, light=True) == "", "one line, and nothing lighter"
    assert in_words(1, light=True, smoothed=True) == "light: single values, dark: moving average (0.6)"


def test_the_stamp_takes_notes_and_leaves_empty_ones_out(axes):
    fig = finish(axes.figure, "title", [RECORD], "", "one", "two")
    said = " ".join(fig.get_supxlabel().split())
    assert said == "scale quick · variant v · 1 seed · d (generated) · one · two"


def test_a_long_stamp_lengthens_the_figure_and_stays_inside_it(axes):
    before = axes.figure.get_figheight()
    fig = finish(axes.figure, "title", [RECORD], *["a note of some length"] * 20)
    assert fig.get_figheight() > before
    fig.draw_without_rendering()
    (words,) = [text for text in fig.texts if "a note" in text.get_text()]
    stamp = words.get_window_extent()
    assert stamp.y0 >= 0
    assert stamp.x1 <= fig.bbox.x1
    assert stamp.y1 <= axes.get_tightbbox().y0


@pytest.fixture
def saved(tmp_path, axes):
    paths = [tmp_path / f"f.{kind}" for kind in ("png", "svg", "pdf")]
    save(finish(axes.figure, "A title", [RECORD], "a note"), paths)
    return paths


def test_a_saved_figure_says_what_it_shows_and_which_code_made_it(saved):
    png, svg, pdf = saved
    stamp = "scale quick  ·  variant v  ·  1 seed  ·  d (generated)  ·  a note"
    words = f"A title. {stamp}. Made at commit {RECORD.provenance.commit}"
    assert Image.open(png).text["Description"] == words
    assert f"<dc:description>{words}</dc:description>" in svg.read_text("utf-8")
    assert words[:20].encode("utf-16-be") in pdf.read_bytes()


def test_changes_of_ones_own_are_told_of_the_commit():
    changed = RECORD.model_copy(update={"provenance": RECORD.provenance.model_copy(update={"dirty": True})})
    commit = RECORD.provenance.commit[:12]
    assert made_by([RECORD, changed]) == f"Made at commit {commit}, {commit} with changes"


def test_a_figure_that_nobody_finished_is_saved_without_words(tmp_path, axes):
    save(axes.figure, [tmp_path / "f.png"])
    assert "Description" not in Image.open(tmp_path / "f.png").text
