"""The report: one self-contained page per scale, drawn from figures, tables, comparisons and records on disk.

Nothing on the page is loaded from elsewhere: images and downloads are data URIs, style and script stand inline, and
the page's own content security policy forbids the rest. What papers, notes and claims say is text, never markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from common.results.atomic import write_atomically
from common.results.provenance import commit_of
from common.workflow.config import benchmark_names, load_paper
from common.workflow.report.page import render
from common.workflow.report.sections import benchmark_section, paper_section


def build(root: Path, scale: str, papers: Sequence[str], now: datetime | None = None) -> Path:
    """Write ``figures/<scale>/report/index.html`` below ``root`` for the papers named, and return its path.

    The benchmarks made of experiments stand below the papers. What is not on disk is shown as missing. Raises the
    errors of the files that are there but cannot be read.
    """
    root = Path(root)
    commit, dirty = commit_of(root)
    text = render(
        scale=scale,
        papers=[paper_section(root, scale, load_paper(root, name)) for name in papers],
        benchmarks=[
            benchmark_section(root, scale, load_paper(root, name, "benchmarks")) for name in benchmark_names(root)
        ],
        when=(now or datetime.now(UTC)).strftime("%-d %B %Y, %H:%M UTC"),
        commit=commit[:12] + (" with uncommitted changes" if dirty else ""),
    )
    path = root / "figures" / scale / "report" / "index.html"
    write_atomically(path, text)
    return path
