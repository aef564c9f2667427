"""The fingerprint of a job's code: a hash over the syntax trees of everything first-party that it imports.

Docstrings and comments are stripped first, so that an edited comment or a touched file changes nothing, and an
edited loss changes the fingerprint of exactly the jobs that import it. Imports are followed as Python would run
them: the package above a module counts with what it imports at import time; a module that is imported by name
counts with all its imports, those inside functions too. Imports by computed name are not seen, which is why
registries here import by name. Plumbing that carries numbers and computes none (``common.workflow``, and of
``common.results`` all but :data:`COMPUTES`) is left out: a new option of the command line must not cost a night of
training. Where the module is plumbing itself, as the report's is, all that it imports counts.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FIRST_PARTY = ("common", "replications", "benchmarks")
PLUMBING = ("common.workflow", "common.results")
# What numbers rest on all the same: the precision that a processor is given, and the means that tables print.
COMPUTES = ("common.results.processor", "common.results.select", "common.results.tables")


def fingerprint(module: str, root: Path | str = ".") -> str:
    """Return 16 hex digits that change when, and only when, the code behind ``python -m module`` changes."""
    digest = hashlib.sha256()
    for name in closure(module, root):
        digest.update(f"{name}\n{_read(*_stamp(_path_of(name, Path(root)))).stripped}\n".encode())
    return digest.hexdigest()[:16]


def closure(module: str, root: Path | str = ".") -> list[str]:
    """Return the first-party modules that ``module`` imports, itself included, sorted."""
    root = Path(root)
    if _path_of(module, root) is None:
        raise ModuleNotFoundError(f"no first-party module {module!r} below {root.resolve()}")
    every = _within(module, PLUMBING)
    seen: dict[str, bool] = {}  # module -> whether its function-level imports count as well
    todo = [(module, True)]
    while todo:
        name, deep = todo.pop()
        if seen.get(name, False) or (name in seen and not deep):
            continue
        seen[name] = deep
        todo += [(parent, False) for parent in _parents(name) if every or _counts(parent)]
        todo += [(found, True) for found in _imports(name, root, deep) if every or _counts(found)]
    return sorted(name for name in seen if _path_of(name, root))


def _counts(name: str) -> bool:
    """Return whether a module that is no plumbing depends on another one's code."""
    return not _within(name, PLUMBING) or _within(name, COMPUTES)


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


def _imports(name: str, root: Path, deep: bool) -> Iterator[str]:
    """Yield first-party modules named in import statements of ``name``; ``deep`` follows function bodies too."""
    path = _path_of(name, root)
    if path is None:
        return
    facts = _read(*_stamp(path))
    for node in facts.imports if deep else facts.import_time:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _within(alias.name, FIRST_PARTY))
            continue
        base = _absolute(node, name, path)
        if _within(base, FIRST_PARTY):
            inner = (f"{base}.{alias.name}" for alias in node.names)
            yield from (full if _path_of(full, root) else base for full in inner)


def _import_time(tree: ast.Module) -> Iterator[ast.AST]:
    """Walk the statements that run when a module is imported: everything but function bodies."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            continue
        yield node
        todo += list(ast.iter_child_nodes(node))


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _within(name: str, packages: Sequence[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _absolute(node: ast.ImportFrom, name: str, path: Path) -> str:
    """Return the absolute name that an import statement in module ``name`` takes from."""
    if not node.level:
        return node.module or ""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    base = package[: len(package) - (node.level - 1)]
    return ".".join([*base, node.module] if node.module else base)


def _path_of(name: str, root: Path) -> Path | None:
    place = root.joinpath(*name.split("."))
    for candidate in (place.with_suffix(".py"), place / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _stamp(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return str(path), status.st_mtime_ns, status.st_size


@dataclass(frozen=True)
class _Source:
    """What matters of one file: its import statements, those run at import time, and its tree as text."""

    imports: list[ast.Import | ast.ImportFrom]
    import_time: list[ast.Import | ast.ImportFrom]
    stripped: str


@cache
def _read(path: str, mtime: int, size: int) -> _Source:  # noqa: ARG001  (stamps key the cache)
    """Parse a file once per version: a run asks for the same files for each of its jobs."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"), filename=path)
    kinds = (ast.Import, ast.ImportFrom)
    imports = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    import_time = [node for node in _import_time(tree) if isinstance(node, kinds)]
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and _documented(node):
            node.body = node.body[1:] or [ast.Pass()]
    return _Source(imports, import_time, ast.dump(tree))


def _documented(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    first = node.body[0] if node.body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
