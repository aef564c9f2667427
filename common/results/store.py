"""The store: one JSON file per record, written atomically, read with errors that name the file and the cure."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from common.results.atomic import write_together
from common.results.schema import SCHEMA_VERSION, Cell, Record

_SEED_FILE = re.compile(r"^seed=(0|[1-9]\d*)\.json$")


class RecordError(ValueError):
    """A record cannot be read: the message names the file, what is wrong and what to do."""


def cell_folder(root: Path, cell: Cell) -> Path:
    """Return ``root/<scale>/<paper>/<experiment>/<variant>``, the folder of a cell's records."""
    return Path(root) / cell.scale / cell.paper / cell.experiment / cell.variant


def record_path(root: Path, cell: Cell, seed: int) -> Path:
    """Return the path of one seed's record below ``root``."""
    return cell_folder(root, cell) / f"seed={seed}.json"


def write(root: Path, record: Record) -> Path:
    """Write one record to its place below ``root`` and return the path."""
    return write_all(root, [record])[0]


def write_all(root: Path, records: Sequence[Record]) -> list[Path]:
    """Write the records of seeds that were made together and return their paths: all of them, or none."""
    contents = {record_path(root, record.cell, record.seed): _text(record) for record in records}
    write_together(contents)
    return list(contents)


def _text(record: Record) -> str:
    return json.dumps(record.model_dump(mode="json"), allow_nan=False, sort_keys=True, indent=1) + "\n"


def read(path: Path) -> Record:
    """Read one record; raises :class:`RecordError` where it is missing, broken or of another schema."""
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecordError(f"{path}: no such record; run the experiment that leaves it") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"{path}: not a JSON record ({error}); delete it and run again") from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise RecordError(
            f"{path}: record of schema {version!r}, this code reads {SCHEMA_VERSION}; delete it and run again"
        )
    try:
        return Record.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "record"
        raise RecordError(f"{path}: {where}: {first['msg']}; delete it and run again") from None


def read_at(root: Path, cell: Cell, seed: int) -> Record:
    """Read the record at the place of one seed; another cell's or seed's, copied there, is a :class:`RecordError`."""
    path = record_path(root, cell, seed)
    record = read(path)
    if (record.cell, record.seed) != (cell, seed):
        raise RecordError(
            f"{path}: holds the record of {_words(record.cell, record.seed)}, not of {_words(cell, seed)}; "
            "delete it and run again"
        )
    return record


def _words(cell: Cell, seed: int) -> str:
    return f"{cell.paper}/{cell.experiment}/{cell.variant} seed {seed} at {cell.scale}"


def read_many(paths: list[Path] | Iterator[Path]) -> list[Record]:
    """Read records in the order of their paths."""
    return [read(path) for path in paths]


def find(root: Path, cell: Cell) -> list[Record]:
    """Return the records of a cell that lie below ``root``, by seed; an empty list where there are none."""
    folder = cell_folder(root, cell)
    if not folder.is_dir():
        return []
    seeds = sorted(int(m.group(1)) for m in map(_SEED_FILE.match, os.listdir(folder)) if m)
    return [read_at(root, cell, seed) for seed in seeds]
