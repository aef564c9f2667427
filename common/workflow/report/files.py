"""Files on disk as parts of a page: images and downloads as data URIs, CSV files as tables."""

from __future__ import annotations

import base64
import csv
import io
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.evaluation import AgreementError

_LARGEST_SVG = 300_000
_MOST_ROWS = 200
_WIDE = 2.0
_VIEW_BOX = re.compile(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"')
_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".csv": "text/csv", ".md": "text/markdown"}


@dataclass(frozen=True)
class Image:
    """An image within the page; a ``wide`` one takes the full width, where its lettering can be read."""

    uri: str
    wide: bool


@dataclass(frozen=True)
class Download:
    """A file that the page carries within itself."""

    name: str
    uri: str


@dataclass(frozen=True)
class Table:
    """A table of text; ``numeric`` says which columns hold numbers alone, ``left_out`` counts rows not shown."""

    columns: list[str]
    rows: list[list[str]]
    numeric: list[bool]
    left_out: int


def data_uri(path: Path) -> str:
    """Return a file as a data URI."""
    kind = _TYPES[path.suffix]
    charset = ";charset=utf-8" if kind.startswith("text/") else ""
    return f"data:{kind}{charset};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def image(folder: Path, artefact: str) -> Image | None:
    """Return an artefact's image: the vector one unless it is large and a raster one is there."""
    vector, raster = folder / f"{artefact}.svg", folder / f"{artefact}.png"
    if vector.exists() and (vector.stat().st_size < _LARGEST_SVG or not raster.exists()):
        box = _VIEW_BOX.search(vector.read_text(encoding="utf-8")[:5000])
        width, height = map(float, box.groups()) if box else (1.0, 1.0)
        return Image(data_uri(vector), width > _WIDE * height)
    if raster.exists():
        width, height = struct.unpack(
            ">II", raster.read_bytes()[16:24].ljust(8, b"\0")
        )  # PNG: the header's first words
        return Image(data_uri(raster), width > _WIDE * height)
    return None


def download(path: Path, name: str) -> Download | None:
    """Return a file as a download, or None where it is not there."""
    return Download(name, data_uri(path)) if path.exists() else None


def read_rows(path: Path, columns: Sequence[str] | None = None) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of a CSV file; with ``columns``, the header must be these."""
    lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    header, rows = (lines[0], [line for line in lines[1:] if line]) if lines else ([], [])
    if columns is not None and tuple(header) != tuple(columns):
        raise AgreementError(f"{path}: columns are {','.join(header)}; delete it and run compare again")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise AgreementError(f"{path}: row {number} has {len(row)} cells of {len(header)}; delete it and run again")
    return header, rows


def read_table(path: Path) -> Table | None:
    """Return a CSV file as a table for the page, or None where it is not there."""
    if not path.exists():
        return None
    columns, rows = read_rows(path)
    numeric = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(columns))]
    return Table(columns, rows[:_MOST_ROWS], numeric, max(0, len(rows) - _MOST_ROWS))


def _is_number(text: str) -> bool:
    """Return whether a cell is a number, alone or with a spread; an empty cell does not spoil a column."""
    try:
        for part in text.replace("±", " ").replace("%", " ").replace("−", "-").split():
            float(part)
    except ValueError:
        return False
    return True
