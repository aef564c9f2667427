"""Guides and reference: links hold, pictures lie within, no text becomes markup, and every module is there."""

import re

import pytest

from common.workflow.docs import build, guides, modules, render


def page(tmp_path, text):
    (tmp_path / "README.md").write_text("# The **house**\n\n" + text)
    (tmp_path / "common" / "models").mkdir(parents=True)
    (tmp_path / "common" / "models" / "README.md").write_text("# Models\n\n[home](../../README.md)")
    found = guides(tmp_path)
    return found, render(found[0], found, tmp_path)


def test_links_between_files_lead_to_their_pages_and_other_files_nowhere(tmp_path):
    found, html = page(tmp_path, "[m](common/models/README.md#use) [x](Snakefile) [w](https://example.org/a#b)")
    assert [guide.title for guide in found] == ["The house", "Models"]
    assert 'href="common-models-readme.html#use"' in html
    assert 'href="#"' in html
    assert 'href="https://example.org/a#b"' in html
    assert 'href="index.html"' in render(found[1], found, tmp_path)


def test_pictures_are_taken_in_and_none_from_outside(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "secret.png").write_bytes(b"outside")
    (tmp_path / "root" / "a.png").write_bytes(b"inside")
    _, html = page(tmp_path / "root", "![a](a.png) ![b](../secret.png)")
    assert "data:image/png;base64,aW5zaWRl" in html
    assert "b3V0c2lkZQ" not in html


def test_markup_in_a_text_stays_text(tmp_path):
    _, html = page(tmp_path, "<script>alert(1)</script> [x](javascript:alert(2))\n\n| a |\n| --- |\n| <b>1</b> |")
    assert "<script>" not in html
    assert "unsafe" not in html
    assert 'javascript:alert(2)"' not in html
    assert "&lt;b&gt;1&lt;/b&gt;" in html


def test_columns_are_aligned_by_classes_as_the_policy_blocks_style_attributes(tmp_path):
    _, html = page(tmp_path, "| a | b | c |\n| :-- | :-: | --: |\n| x | y | 93.8 ± 0.6 |")
    assert "style=" not in html
    assert '<th class="centre">b</th>' in html
    assert '<td class="num">93.8 ± 0.6</td>' in html
    assert ".num { text-align: right; white-space: nowrap; }" in html


def test_table_cells_are_not_broken_into_letters(tmp_path):
    _, html = page(tmp_path, "")
    (rule,) = re.findall(r"main\.guide table \{(.*?)\}", html)
    assert "overflow-wrap: break-word" in rule


def test_every_row_of_a_table_is_one_line(root):
    """A row that was wrapped is no row: the table ends there, and the rest is shown as text."""
    for guide in guides(root):
        lines = (line.strip() for line in guide.text.splitlines())
        broken = [line for line in lines if line.startswith("| ") != line.endswith(" |")]
        assert not broken, guide.source


@pytest.mark.slow
def test_every_module_of_the_core_is_in_the_reference(root, tmp_path):
    """Slow: it imports the whole core and renders every module once."""
    assert "replications.infoshape.method" in modules(root)
    first = build(root, tmp_path / "docs")
    assert first.exists()
    files = [path.relative_to(root).with_suffix(".html") for path in (root / "common/estimators").glob("[a-z]*.py")]
    assert all((tmp_path / "docs/api" / name).exists() for name in files)
    text = (tmp_path / "docs/api/common/estimators/ksg.html").read_text()
    assert "nearest" in text
    assert ":class:" not in text.split("View Source")[0]
