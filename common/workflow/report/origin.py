"""Where an artefact comes from: its cells, their settings, seeds, data, code, machine and cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import yaml

from common.evaluation.cells import CellReader, describe_data
from common.results import Record
from common.workflow.report.words import count


@dataclass(frozen=True)
class CellOrigin:
    """One cell as lines of (what, value), its resolved parameters, and what its unfinished seeds said."""

    name: str
    lines: list[tuple[str, str]]
    params: str
    troubles: list[str]


@dataclass(frozen=True)
class ArtefactOrigin:
    """The cells behind an artefact, and one line that sums them up."""

    summary: str
    cells: list[CellOrigin]


def artefact_origin(cells: Sequence[str], reader: CellReader) -> ArtefactOrigin:
    """Return the provenance of the cells ``experiment/variant``, as they stand on record.

    Every seed of a stack carries the seconds of the whole stack, so its share is what adds up.
    """
    parts = [(name, reader(*name.split("/")), reader.left_aside(*name.split("/"))) for name in cells]
    records = [record for _, found, _ in parts for record in found]
    missing = sum(not found for _, found, _ in parts)
    if not records:
        return ArtefactOrigin(f"no record of {', '.join(cells)}", [])
    summary = (
        f"{count(len(cells), 'cell')}, {count(len(records), 'record')}, {describe_data(records)}, "
        f"{_seconds(sum(r.provenance.seconds / r.provenance.ensemble for r in records))}"
        + (f"; {count(missing, 'cell')} without a record" if missing else "")
    )
    return ArtefactOrigin(summary, [_cell(*part) for part in parts])


def _cell(name: str, records: Sequence[Record], aside: Sequence[Record]) -> CellOrigin:
    """Return one cell's origin."""
    if not records:
        return CellOrigin(name, [("records", "none: not run")], "", [])
    sources = [r.provenance for r in records]
    states = [f"{sum(r.status == s for r in records)} {s}" for s in ("ok", "diverged", "failed")]
    lines = [
        ("seeds", f"{_each(r.seed for r in records)} ({', '.join(s for s in states if s[0] != '0')})"),
        ("data", describe_data(records)),
        ("data sha256", _each(r.dataset.sha256 for r in records)),
        ("commit", _each(p.commit + (" (with uncommitted changes)" if p.dirty else "") for p in sources)),
        ("code fingerprint", _each(p.code for p in sources)),
        ("environment", f"{_each(p.environment for p in sources)}, torch {_each(p.torch for p in sources)}"),
        ("device", f"{_each(p.device for p in sources)}, {_each(p.dtype for p in sources)}"),
        ("threads", _each(p.threads for p in sources)),
        ("seeds in one stack", _each(p.ensemble for p in sources)),
        ("started", _each(p.started for p in sources)),
        ("seconds of the stack", _each(f"{p.seconds:.1f}" for p in sources)),
        ("peak memory", f"{max(p.peak_memory_mb for p in sources):.0f} MiB"),
    ]
    if aside:
        lines.append(("left aside", f"{count(len(aside), 'record')} of older code or other parameters"))
    troubles = [f"seed {r.seed}: {r.status}: {r.message}" for r in records if r.status != "ok"]
    params = yaml.safe_dump(records[0].params, sort_keys=True, allow_unicode=True, width=80)
    return CellOrigin(name, lines, params, troubles)


def _each(values: Iterable[object]) -> str:
    """Return the different values in words, each once, in their order."""
    return ", ".join(dict.fromkeys(map(str, values)))


def _seconds(seconds: float) -> str:
    """Return a span of compute time in a unit that fits it."""
    if seconds < 120:
        return f"{seconds:.0f} s of runs"
    return f"{seconds / 60:.0f} min of runs" if seconds < 7200 else f"{seconds / 3600:.1f} h of runs"
