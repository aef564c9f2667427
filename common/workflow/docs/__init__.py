"""Guides and API reference as offline pages beside the report: READMEs through markdown-it, docstrings through pdoc."""

from __future__ import annotations

import importlib
import shutil
import warnings
from pathlib import Path
from types import ModuleType

from common.results.atomic import write_atomically
from common.workflow.docs.guides import Guide, guides, render

LIBRARY = ("estimators", "losses", "models", "training", "evaluation", "data", "results", "plotting")


def modules(root: Path) -> list[str]:
    """Return the modules with an API to read: all of the common core but the workflow, and each paper's method."""
    core = [path for name in LIBRARY for path in sorted((root / "common" / name).rglob("*.py"))]
    files = [path.relative_to(root) for path in (*core, *sorted(root.glob("replications/*/method.py")))]
    return [".".join((path.parent if path.stem == "__init__" else path.with_suffix("")).parts) for path in files]


def build(root: Path, out: Path) -> Path:
    """Write all pages below ``out`` and return the first one; what an earlier build left is taken away."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    pages = guides(root)
    for guide in pages:
        write_atomically(out / guide.page, render(guide, pages, root))
    _reference(modules(root), out / "api")
    return out / pages[0].page


def _reference(names: list[str], out: Path) -> None:
    import pdoc
    import pdoc.render

    for name in names:
        _resolve(importlib.import_module(name))
    pdoc.render.configure(docformat="restructuredtext", search=True, show_source=True, footer_text="Expunge")
    with warnings.catch_warnings():
        # All are named, since a package's __all__ hides its modules; where there is none pdoc has them already.
        warnings.filterwarnings("ignore", message=".*has already been added", category=UserWarning)
        pdoc.pdoc(*names, output_directory=out)


def _resolve(module: ModuleType) -> None:
    """Give a package that imports its names when they are asked for all of them now: pdoc reads what is there."""
    for name in getattr(module, "__all__", ()):
        setattr(module, name, getattr(module, name))


__all__ = ["Guide", "build", "guides", "modules", "render"]
