"""The command line that every paper's figures and tables share: an artefact's name, files to write, records to read."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from common.results.schema import Record
from common.results.store import RecordError, read_many

Write = Callable[[argparse.Namespace, Sequence[Record]], None]  # options (artefact, title, files) and the records read


def make(
    argv: Sequence[str] | None, module: str, artefacts: Collection[str], endings: str, description: str, write: Write
) -> int:
    """Make one of ``artefacts`` into the files given; returns the exit status.

    ``module`` is where they are made, ``<paper>.figures``; ``endings`` are those of the files it can write, as
    ``.csv, .md``. Another ending, records or metrics that are not there, and files that cannot be written, are one line
    on stderr.
    """
    paper, _, kind = module.partition(".")
    parser = argparse.ArgumentParser(prog=f"python -m replications.{module}", description=description)
    parser.add_argument("artefact", choices=sorted(artefacts), help=f"one of the {kind}")
    parser.add_argument("files", type=Path, nargs="+", help=f"files to write ({endings})")
    parser.add_argument("--title", default="", help="title above it")
    parser.add_argument("--records", type=Path, nargs="+", required=True, help="records to read")
    options = parser.parse_args(argv)
    if other := [str(path) for path in options.files if path.suffix not in endings.split(", ")]:
        print(f"{paper} {options.artefact}: {other[0]}: the endings are {endings}", file=sys.stderr)
        return 1
    try:
        write(options, read_many(options.records))
    except (RecordError, KeyError, OSError) as error:
        cause = f"the records hold no {error}, which {_asked(error)} asks for" if isinstance(error, KeyError) else error
        print(f"{paper} {options.artefact}: {cause}", file=sys.stderr)
        return 1
    return 0


def _asked(error: KeyError) -> str:
    """Return the file and line that looked for a key: were the records whole, the fault would be there."""
    *_, frame = traceback.extract_tb(error.__traceback__)
    return f"{Path(frame.filename).name}:{frame.lineno}"
