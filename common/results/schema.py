"""The record of one seed of one experiment: its identity, numbers, settings and origin, as one validated model."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

SCHEMA_VERSION = 1

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$", max_length=100)]
Scale = Literal["paper", "reduced", "quick"]


class _Strict(BaseModel):
    """Refuses unknown keys, so that a misspelt field never passes in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Cell(_Strict):
    """One cell of a paper's grid: what is trained, on what, at which scale (a cell holds many seeds)."""

    paper: Name
    experiment: Name
    variant: Name
    scale: Scale


class Origin(_Strict):
    """Which data a run saw: the registry's name, whether it was real, and the digest of what was read."""

    name: str
    kind: Literal["real", "generated", "stand-in"]
    subset: bool = False
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @property
    def words(self) -> str:
        """The set's name and what it is; a stand-in or a subset is named as such."""
        kind = "STAND-IN" if self.kind == "stand-in" else self.kind
        return f"{self.name} ({kind}{', subset' if self.subset else ''})"

    def using(self, used: int, whole: int) -> Origin:
        """Return the origin of a run on ``used`` of ``whole`` rows: with fewer it is one on a subset."""
        return self.model_copy(update={"subset": self.subset or used < whole})


class Provenance(_Strict):
    """Where a record comes from: code, environment, machine and cost. Seconds and memory may differ between runs.

    ``commit`` was checked out when the run began; where it was interrupted, when its last part began, whose code has
    the fingerprint of all of them. ``dirty``: tracked files differed when it, or any part of it, began.
    """

    commit: str
    dirty: bool
    code: str
    environment: str
    torch: str
    device: str
    dtype: str
    threads: int
    ensemble: int = Field(ge=1)
    started: str
    seconds: float = Field(ge=0)
    peak_memory_mb: float = Field(ge=0)


class Record(_Strict):
    """What one seed of one cell leaves: ``metrics`` are finite floats, ``series`` short lists of floats.

    A value that is not finite has no place in ``metrics``: a run that diverged says so in ``status`` and
    ``message`` (step and cause) and keeps the metrics it had. In ``series`` a missing point is ``None``.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    paper: Name
    experiment: Name
    variant: Name
    dataset: Origin
    seed: int = Field(ge=0)
    scale: Scale
    metrics: dict[str, float]
    series: dict[str, list[float | None]] = {}
    params: dict[str, Any]
    provenance: Provenance
    status: Literal["ok", "diverged", "failed"] = "ok"
    message: str = ""

    @field_validator("metrics")
    @classmethod
    def _finite(cls, metrics: dict[str, float]) -> dict[str, float]:
        bad = sorted(name for name, value in metrics.items() if not math.isfinite(value))
        if bad:
            raise ValueError(f"metrics must be finite, but {', '.join(bad)} is not: record it as diverged")
        return metrics

    @field_validator("series")
    @classmethod
    def _gaps(cls, series: dict[str, list[float | None]]) -> dict[str, list[float | None]]:
        return {
            name: [None if v is None or not math.isfinite(v) else v for v in values] for name, values in series.items()
        }

    @model_validator(mode="after")
    def _explained(self) -> Record:
        if self.status != "ok" and not self.message:
            raise ValueError(f"a record with status {self.status!r} must say why in its message")
        return self

    @property
    def cell(self) -> Cell:
        """The cell that this seed belongs to."""
        return Cell(paper=self.paper, experiment=self.experiment, variant=self.variant, scale=self.scale)
