"""What a job reads of other cells must be what its configuration was resolved with, and made on the data it sees."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from common.data.arrivals import has_arrived
from common.data.errors import DataError
from common.results import Origin, Record, read_at, record_path
from common.workflow.config import ConfigError

if TYPE_CHECKING:
    from common.workflow.job import Job


def digest_of(made: Iterable[tuple[str, Mapping[str, Any]]]) -> str:
    """Return 16 hex digits for the code and the parameters of the cells that one cell reads, in their order."""
    text = json.dumps([[code, params] for code, params in made], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_made(job: Job, seeds: Sequence[int]) -> None:
    """Refuse, before a run, records of other cells that are not those it was configured for.

    Raises :class:`ConfigError` where other code or parameters left them, :class:`DataError` where they stand on a
    stand-in though the set lies at hand by now. A record that is not there is for the run to miss.
    """
    for seed in seeds:
        found = _needed(job, seed)
        for cell, record in found.items():
            if has_arrived(record.dataset, **job.sources):
                raise DataError(
                    f"{cell} seed {seed} was made on {record.dataset.words}, whose data lie at hand by now; run {cell} "
                    "again first"
                )
        if not found or len(found) < len(job.config.needs) or not job.config.upstream:
            continue
        if digest_of((r.provenance.code, r.params) for r in found.values()) != job.config.upstream:
            raise ConfigError(
                f"{', '.join(found)} seed {seed}: left by other code or parameters than this configuration says; run "
                "that again first, or resolve the configurations anew (python -m common.workflow resolve)"
            )


def check_origin(job: Job, seeds: Sequence[int], origin: Origin) -> None:
    """Raise :class:`DataError` where a run's data are not those of the cells it read, or of its own cell's seeds.

    A seed of its own that is to be made anew in any case hinders none.
    """
    for seed in seeds:
        for cell, record in _needed(job, seed).items():
            _compare(cell, record, origin)
    for seed in set(range(job.config.seeds)) - set(seeds):
        if not record_path(job.results, job.config.cell, seed).exists():
            continue
        record = read_at(job.results, job.config.cell, seed)
        if job.config.made(record) and not has_arrived(record.dataset, **job.sources):
            _compare(f"{record.experiment}/{record.variant}", record, origin)


def _needed(job: Job, seed: int) -> dict[str, Record]:
    """Return the records of a seed that lie there of the cells that a job reads, by cell."""
    found = {}
    for cell in job.config.needs:
        if record_path(job.results, job.other(cell), seed).exists():
            found[cell] = job.needed(cell, seed)
    return found


def _compare(cell: str, record: Record, origin: Origin) -> None:
    other = record.dataset
    drawn = (origin.kind == "stand-in") != (other.kind == "stand-in")
    changed = origin.kind == other.kind == "real" and origin.sha256 != other.sha256
    if not (drawn or changed):
        return
    cure = f"remove that record and run {cell} again"
    if origin.kind == "stand-in":
        cure = f"put {other.name} back where it was (see data/README.md)"
    raise DataError(
        f"{cell} seed {record.seed} was made on {_told(other)}, and this run on {_told(origin)}: they do not belong "
        f"together; {cure}"
    )


def _told(origin: Origin) -> str:
    return f"{origin.words}, sha256 {origin.sha256[:8]}"
