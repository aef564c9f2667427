"""A job: resolved configurations (files) and seeds in, one record per cell and seed out, resumable at any moment.

A paper's ``experiment.py`` hands :func:`main` a function from a job and the seeds still to run to one outcome per
seed. Seeds whose record was left by the same code and parameters are kept, so a rerun extends and never repeats.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.data.arrivals import at_hand, has_arrived
from common.data.errors import DataError
from common.results import Cell, Origin, Record, RecordError, provenance, read_at, record_path, store
from common.results.atomic import sweep
from common.results.store import write_all
from common.workflow import clock, upstream
from common.workflow.config import ConfigError
from common.workflow.current import check_code
from common.workflow.lost import Lost, leave_no_weights, lost_seeds


class JobConfig(BaseModel):
    """The resolved configuration of one cell, as ``config.json`` in its results folder holds it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cell: Cell
    module: str
    code: str
    seeds: int = Field(ge=1)
    dataset: str
    needs: tuple[str, ...]
    upstream: str = ""
    weights: bool = False
    params: dict[str, Any]
    device: str
    precision: str
    data: str
    data_mirrors: tuple[str, ...]
    checkpoint_seconds: float = 120.0

    @property
    def identity(self) -> dict[str, Any]:
        """What a record must have been made with to count as this job's: kept whole in its ``params``."""
        return {
            **self.params,
            "run": {
                "precision": self.precision,
                "data": self.data,
                "dataset": self.dataset,
                "upstream": self.upstream,
            },
        }

    def made(self, record: Record) -> bool:
        """Return whether this code, with these parameters, left a record."""
        return record.provenance.code == self.code and record.params == self.identity


@dataclass(frozen=True)
class Outcome:
    """What one seed's run found: finite metrics, short series, and why it stopped where it did not end well."""

    metrics: dict[str, float]
    series: dict[str, list[float | None]] = field(default_factory=dict)
    status: str = "ok"
    message: str = ""


@dataclass(frozen=True)
class Job:
    """A cell at work: its configuration, the folder of its records, and a clock."""

    config: JobConfig
    folder: Path
    results: Path
    root: Path

    @property
    def sources(self) -> dict[str, Any]:
        """Where and how this run may get data, as ``common.data.load`` takes it."""
        return {"policy": self.config.data, "root": self.root, "mirrors": self.config.data_mirrors}

    def needed(self, cell: str, seed: int) -> Record:
        """Return the record of ``seed`` of another cell of the paper, ``experiment/variant``."""
        if cell not in self.config.needs:
            raise ConfigError(f"{self.config.cell.experiment}: {cell!r} is not among its needs")
        return read_at(self.results, self.other(cell), seed)

    def other(self, cell: str) -> Cell:
        """Return another cell of the paper, ``experiment/variant``, at this one's scale."""
        experiment, variant = cell.split("/")
        return self.config.cell.model_copy(update={"experiment": experiment, "variant": variant})

    def weights_path(self, seed: int, cell: str | None = None) -> Path:
        """Return where ``seed``'s tensors lie that later jobs read (of another cell of the paper, if named)."""
        own = self.config.cell if cell is None else self.other(cell)
        return store.cell_folder(self.results, own) / f"seed={seed}.safetensors"

    def checkpoint_path(self, seeds: Sequence[int]) -> Path:
        """Return where an interrupted run of these seeds, with this code, parameters and data at hand, is kept."""
        drawn = self.config.data == "standin"
        data = "" if drawn else at_hand(self.config.dataset, self.root, self.config.data_mirrors)
        text = json.dumps([list(seeds), self.config.code, self.config.identity, data], sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:12]
        return self.folder / f".checkpoint-{key}.safetensors"


Run = Callable[[Job, list[int]], tuple[Mapping[int, Outcome], Origin, str]]


def main(argv: Sequence[str] | None, run: Run, root: Path, description: str, *, judges_diverged: bool = False) -> int:
    """Run the seeds of a cell, or of several in turn, that are not on record yet; returns the process's exit status.

    ``run(job, seeds)`` returns the outcomes by seed, the origin of the data, and the dtype of the products. A cell that
    ends with an error is no hindrance to those after it. Peak memory is the process's: that of its largest cell so far.
    A seed that a needed cell lost is not run: its record says where and why. With ``judges_diverged`` it is run, for a
    job that can judge what a seed left before it diverged.
    """
    parser = argparse.ArgumentParser(description=description)
    told = "resolved configuration (python -m common.workflow resolve); of several, one cell is made after another"
    parser.add_argument("config", type=Path, nargs="+", help=told)
    parser.add_argument("--results", type=Path, default=Path("results"), help="where records go (default: results)")
    parser.add_argument("--seeds", type=_seed, nargs="+", help="only these seeds (default: 0 .. seeds-1)")
    options = parser.parse_args(argv)
    try:
        done = [_run_cell(path, options.results, options.seeds, run, root, judges_diverged) for path in options.config]
    except KeyboardInterrupt:
        print("interrupted; given again, the command goes on where it was", file=sys.stderr)
        return 130
    return max(done)


def _run_cell(path: Path, results: Path, seeds: list[int] | None, run: Run, root: Path, judges_diverged: bool) -> int:
    """Run what one cell lacks; an error is one line that names it, and 1."""
    try:
        config = read_config(path)
        check_code(config, root)
        job = Job(config, store.cell_folder(results, config.cell), results, root)
        asked, done = sorted(set(seeds or range(config.seeds))), set[int]()
        # once more where the run itself fetched a set that seeds on record had a stand-in for
        while todo := [seed for seed in missing_seeds(job, asked) if seed not in done]:
            for seed in todo:
                set_aside_unreadable(job, seed)
            upstream.check_made(job, todo)
            lost = {} if judges_diverged else lost_seeds(job, todo)
            if lost:
                _run_and_write(job, list(lost), partial(_without, lost=lost))
            if left := [seed for seed in todo if seed not in lost]:
                _run_and_write(job, left, run)
            done.update(todo)
    except (ConfigError, RecordError, DataError, OSError) as error:
        print(f"{config_name(path)}: {error}", file=sys.stderr)
        return 1
    except (MemoryError, RuntimeError) as error:
        if not _lacks_memory(error):
            raise
        print(
            f"{config_name(path)}: not enough memory ({_first_line(error)}); give the job more, or run fewer "
            "seeds at a time with --seeds",
            file=sys.stderr,
        )
        return 1
    return 0


def _without(job: Job, seeds: list[int], lost: Mapping[int, Lost]) -> tuple[dict[int, Outcome], Origin, str]:
    """Return outcomes without a number for seeds that an earlier job lost; data and dtype are those of its record."""
    for seed in seeds:
        leave_no_weights(job, seed)
    first = lost[seeds[0]].record
    outcomes = {seed: Outcome({}, {}, lost[seed].record.status, lost[seed].message) for seed in seeds}
    return outcomes, first.dataset, first.provenance.dtype


def _lacks_memory(error: Exception) -> bool:
    """Return whether an allocation failed: torch has no class of its own for that on a CPU."""
    return isinstance(error, MemoryError) or any(
        words in str(error) for words in ("can't allocate memory", "out of memory")
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def config_name(path: Path) -> str:
    """Return ``experiment/variant`` of a configuration's path, for messages."""
    return "/".join(Path(path).parts[-3:-1]) or str(path)


def read_config(path: Path) -> JobConfig:
    """Read a resolved configuration; one line says what is wrong with it."""
    try:
        return JobConfig.model_validate_json(Path(path).read_bytes())
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration; write it with: python -m common.workflow resolve") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "file"
        raise ConfigError(f"{path}: {place}: {first['msg']}") from None


def _seed(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a seed: a whole number from 0")
    return int(text)


def missing_seeds(job: Job, seeds: Sequence[int]) -> list[int]:
    """Return the seeds that have no record of this code and these parameters, or lack the weights it should leave.

    A record on a stand-in whose data lie at hand by now is none: one cell's seeds stand on one set.
    """
    todo = []
    for seed in seeds:
        try:
            record = read_at(job.results, job.config.cell, seed)
        except RecordError:
            todo.append(seed)
            continue
        whole = not job.config.weights or job.weights_path(seed).exists()
        if not (job.config.made(record) and whole) or has_arrived(record.dataset, **job.sources):
            todo.append(seed)
    return todo


def set_aside_unreadable(job: Job, seed: int) -> None:
    """Keep a record that cannot be read as this seed's under another name, saying so, before a run takes its place."""
    path = record_path(job.results, job.config.cell, seed)
    if not path.exists():
        return
    try:
        read_at(job.results, job.config.cell, seed)
    except RecordError as error:
        content = path.read_bytes()
        kept = path.with_name(f"{path.name}.unreadable-{hashlib.sha256(content).hexdigest()[:8]}")
        path.replace(kept)
        print(f"{error}; kept as {kept.name}", file=sys.stderr)


def _run_and_write(job: Job, seeds: list[int], run: Run) -> None:
    """Run the seeds and write their records, all or none; the checkpoint goes only when every one is on disk."""
    config, checkpoint = job.config, job.checkpoint_path(seeds)
    watch, source = clock.take_up(checkpoint, provenance.commit_of(job.root))  # before the run: it may be edited since
    try:
        if config.device == "cpu":
            from common.workflow.lean import spare_the_compiler  # needs torch, which the plan does without

            spare_the_compiler()
        outcomes, origin, dtype = run(job, seeds)
        upstream.check_origin(job, seeds, origin)
        made = provenance.collect(source, config.code, config.device, dtype, len(seeds), watch)
        left = [seed for seed in seeds if seed in outcomes]
        write_all(job.results, [_record(job, seed, outcomes[seed], origin, made) for seed in left])
        if forgotten := sorted(set(seeds) - set(left)):
            raise RecordError(f"run() returned no outcome of seed {forgotten[0]}; it owes one of each seed it is given")
        checkpoint.unlink(missing_ok=True)
        sweep(job.folder)
    finally:
        if not checkpoint.exists():
            clock.put_away(checkpoint)


def _record(job: Job, seed: int, outcome: Outcome, origin: Origin, made: provenance.Provenance) -> Record:
    """Return a seed's record; a metric that is not finite makes it a diverged one, which keeps the others."""
    finite = {name: value for name, value in outcome.metrics.items() if math.isfinite(value)}
    status, message = outcome.status, outcome.message
    if status == "ok" and (lacking := sorted(set(outcome.metrics) - set(finite))):
        status, message = "diverged", f"{lacking[0]} is {outcome.metrics[lacking[0]]}"
    return Record(
        **job.config.cell.model_dump(),
        dataset=origin,
        seed=seed,
        metrics=finite,
        series=outcome.series,
        params=job.config.identity,
        provenance=made,
        status=status,
        message=message,
    )
