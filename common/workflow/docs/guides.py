"""The project's markdown files as pages that need no network: links between them hold, pictures lie within.

Markup within markdown is not let through: what a file says is text.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from common.workflow.report.files import data_uri
from common.workflow.report.page import digest

_HERE = Path(__file__).parent
_FIRST = ("README.md", "CONTRIBUTING.md", "CORRECTIONS.md")
_ALIGNED = {"text-align:left": "left", "text-align:center": "centre", "text-align:right": "num"}
_FOLDERS = ("common/*/README.md", "data/README.md", "replications/*/README.md", "benchmarks/*/README.md")


@dataclass(frozen=True)
class Guide:
    """One markdown file: its ``source`` from the project's root, its ``page``, and its title."""

    source: str
    page: str
    title: str
    text: str


def guides(root: Path) -> list[Guide]:
    """Return the guides in the order of the contents: the project's own, then folder by folder."""
    found = [root / name for name in _FIRST if (root / name).exists()]
    for pattern in _FOLDERS:
        found += sorted(root.glob(pattern))
    return [_guide(path, root) for path in found]


def _guide(path: Path, root: Path) -> Guide:
    source = path.relative_to(root).as_posix()
    text = path.read_text(encoding="utf-8")
    first = next((line for line in text.splitlines() if line.startswith("# ")), f"# {source}")
    page = "index.html" if source == "README.md" else source.removesuffix(".md").replace("/", "-").lower() + ".html"
    return Guide(source, page, first.removeprefix("# ").replace("*", "").replace("`", ""), text)


def render(guide: Guide, pages: list[Guide], root: Path) -> str:
    """Return one page as HTML."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(guide.text)
    known = {other.source: other.page for other in pages}
    for token in _all(tokens):
        if token.type == "link_open":
            token.attrs["href"] = _link(str(token.attrs["href"]), guide.source, known)
        elif token.type == "image":
            token.attrs["src"] = _picture(str(token.attrs["src"]), guide.source, root)
        elif alignment := token.attrs.pop("style", None):  # the page's policy blocks it: a class of the style sheet
            token.attrJoin("class", _ALIGNED[str(alignment)])
    body = markdown.renderer.render(tokens, markdown.options, {})
    environment = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)
    sheets = (_HERE.parent / "report" / "style.css", _HERE / "guide.css")
    style = "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    return environment.get_template("guide.html.j2").render(
        guide=guide,
        pages=pages,
        body=Markup(body),  # noqa: S704 - rendered with markup in the text escaped
        style=Markup(style),  # noqa: S704 - our own files
        digest=digest(style),
    )


def _all(tokens: list[Token]) -> list[Token]:
    return [inner for token in tokens for inner in (token, *_all(token.children or []))]


def _link(target: str, source: str, known: dict[str, str]) -> str:
    """Return a link to a guide's page, an address as it is, and for other files of the project no way out: ``#``."""
    path, _, part = target.partition("#")
    if "://" in path or not path:
        return target
    page = known.get(_from_root(path, source))
    return "#" if page is None else page + (f"#{part}" if part else "")


def _picture(target: str, source: str, root: Path) -> str:
    path = (root / _from_root(target, source)).resolve()
    return data_uri(path) if path.is_relative_to(root.resolve()) and path.is_file() else ""


def _from_root(path: str, source: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
