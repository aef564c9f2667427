"""What the records of a cell say: one metric by seed, and the data, devices and commits behind it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from common.evaluation import AgreementError
from common.results import store
from common.results.schema import Cell, Record

DIVERGED = "status.diverged"


class CellReader:
    """Reads each cell of one paper at one scale at most once."""

    def __init__(self, results: Path, paper: str, scale: str) -> None:
        self._find = cache(lambda experiment, variant: _split(Path(results), paper, scale, experiment, variant))

    def __call__(self, experiment: str, variant: str) -> tuple[Record, ...]:
        """Return the records of one cell by seed; none where it was not run.

        Seeds of one cell belong together only if the same code ran them with the same parameters. Where a folder
        holds records of several such runs (more seeds were asked for before a change), the latest run counts.
        """
        return self._find(experiment, variant)[0]

    def left_aside(self, experiment: str, variant: str) -> tuple[Record, ...]:
        """Return the records of a cell that another code or other parameters left, and that do not count."""
        return self._find(experiment, variant)[1]


def _split(
    results: Path, paper: str, scale: str, experiment: str, variant: str
) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
    """Return a cell's records of its latest code and parameters, and the others."""
    records = store.find(results, Cell(paper=paper, experiment=experiment, variant=variant, scale=scale))
    if not records:
        return (), ()
    last = max(records, key=lambda r: r.provenance.started)
    current = [r.provenance.code == last.provenance.code and r.params == last.params for r in records]
    return (
        tuple(r for r, mine in zip(records, current, strict=True) if mine),
        tuple(r for r, mine in zip(records, current, strict=True) if not mine),
    )


def vector_of(records: Sequence[Record], metric: str) -> dict[int, float]:
    """Return one metric by seed over the finished records.

    ``status.diverged`` is 1 for a seed that diverged and 0 for one that finished. Raises
    :class:`AgreementError` where a finished record lacks the metric: its name is then a slip.
    """
    if metric == DIVERGED:
        return {r.seed: float(r.status == "diverged") for r in records if r.status != "failed"}
    values = {}
    for record in records:
        if record.status != "ok":
            continue
        if metric not in record.metrics:
            raise AgreementError(
                f"{record.paper}/{record.experiment}/{record.variant} seed {record.seed} ({record.scale}): no "
                f"metric {metric!r}; valid: {', '.join(sorted(record.metrics)) or 'none'}, {DIVERGED}"
            )
        values[record.seed] = record.metrics[metric]
    return values


def describe_data(records: Sequence[Record]) -> str:
    """Return the data sets of some records in words, a stand-in or a subset named as such."""
    return "; ".join(sorted({record.dataset.words for record in records}))


def is_stand_in(data: str) -> bool:
    """Return whether words of :func:`describe_data` name a stand-in."""
    return "(STAND-IN" in data


def is_subset(data: str) -> bool:
    """Return whether words of :func:`describe_data` name a subset."""
    return ", subset)" in data


def describe_origin(records: Sequence[Record]) -> tuple[str, str]:
    """Return the devices and the commits (twelve digits; ``+dirty`` where files differed) of some records."""
    devices = sorted({r.provenance.device for r in records})
    commits = sorted({r.provenance.commit[:12] + "+dirty" * r.provenance.dirty for r in records})
    return "; ".join(devices), "; ".join(commits)
