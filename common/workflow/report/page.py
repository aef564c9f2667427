"""The page itself: template, style and script put together, with a policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from common.evaluation.verdicts import VERDICTS
from common.workflow.report.sections import BenchmarkSection, PaperSection

_HERE = Path(__file__).parent
# A mark beside each word, so that no verdict is told by its colour alone.
MARKS = {
    "reproduced": "✓",
    "direction only": "↗",
    "differs": "≠",
    "underpowered": "?",
    "not comparable": "⊘",
    "not run": "–",
    "holds": "✓",
    "fails": "✗",
    "not judged": "?",
}
MEANINGS = {
    "reproduced": "the 90 % interval of the difference lies inside the row’s tolerance (equivalence at 5 %)",
    "direction only": "the value could not be shown, but the paper’s ordering against the row’s reference holds at 5 %",
    "differs": "the difference is significant at 5 % after Holm over the paper’s tested rows",
    "underpowered": "neither can be shown with our seeds, or the scale is too small to try",
    "not comparable": "stand-in data, a subset where the row needs the whole set, or another machine’s value",
    "not run": "no record",
}
_SCALES = {
    "paper": "the published protocol",
    "reduced": "real data, fewer seeds, epochs or rows",
    "quick": "a short run of everything; it can earn the direction of a number at most, never its value",
}


def render(
    scale: str, papers: Sequence[PaperSection], benchmarks: Sequence[BenchmarkSection], when: str, commit: str
) -> str:
    """Return the page as HTML; every value goes through autoescaping."""
    style, script = (_inline(name) for name in ("style.css", "filter.js"))
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["search"] = lambda text, part: part in text
    environment.filters["slug"] = lambda text: text.partition(" (")[0].replace(" ", "-")
    environment.filters["signed"] = lambda text: f"{float(text):+.3g}".replace("-", "\N{MINUS SIGN}")
    return environment.get_template("index.html.j2").render(
        scale=scale,
        scale_meaning=_SCALES[scale],
        papers=papers,
        benchmarks=benchmarks,
        when=when,
        commit=commit,
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        policy=(
            f"default-src 'none'; img-src data:; style-src '{digest(style)}'; script-src '{digest(script)}'; "
            "base-uri 'none'; form-action 'none'"
        ),
        verdicts=VERDICTS,
        marks=MARKS,
        meanings=MEANINGS,
        any_larger=any(paper.larger for paper in papers),
        stand_ins=[(paper.config.title, paper.stand_ins) for paper in papers if paper.stand_ins],
        data=sorted({word for paper in papers for word in paper.board.data.split("; ") if word}),
    )


def _inline(name: str) -> str:
    """Return a file of this folder, with line ends as a browser will hash them."""
    return "\n" + (_HERE / name).read_text(encoding="utf-8").strip() + "\n"


def digest(text: str) -> str:
    """Return the source expression of a content security policy that admits exactly ``text``."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
