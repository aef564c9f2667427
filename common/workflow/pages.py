"""What report and docs are made of beside what the rules make: files that a fingerprint of code does not see."""

from __future__ import annotations

from pathlib import Path

from common.workflow.dag import Dag, digests
from common.workflow.resolve import Plan

_TEMPLATES = tuple(f"common/workflow/{page}/*.{end}" for page in ("report", "docs") for end in ("j2", "css", "js"))
_GUIDES = ("*.md", "*/*/README.md", "data/README.md", "figures/gallery/*.png")
_SOURCES = ("common/**/*.py", "replications/*/method.py")


def templates(root: Path) -> list[str]:
    """Return templates, styles and scripts of both: the docs wear the report's style."""
    return _below(root, *_TEMPLATES)


def documented(root: Path) -> list[str]:
    """Return the files that the docs tell of: guides with their pictures, and the sources of the reference."""
    return _below(root, *_GUIDES, *_SOURCES)


def drawn_beside(plan: Plan) -> dict[str, str]:
    """Return digests of the benchmarks' figures and tables that are on disk.

    The report shows them as they are. Were they its inputs, ``all`` would run the benchmarks behind them.
    """
    return digests(plan.root, [path for name in plan.benchmarks for path in Dag(plan, name).artefacts])


def _below(root: Path, *patterns: str) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for pattern in patterns for path in Path(root).glob(pattern))
