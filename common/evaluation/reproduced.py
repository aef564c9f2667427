"""``reproduced.csv``: our last accepted numbers, and whether a fresh run still falls where they lie.

One row per printed number and scale, so that quick runs and the long ones are guarded side by side.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from scipy.stats import t as student

from common.evaluation import AgreementError
from common.evaluation.comparison import Comparison
from common.evaluation.tables import number, to_csv
from common.evaluation.verdicts import VERDICTS
from common.results.atomic import write_atomically

COLUMNS = (
    "artefact",
    "entry",
    "metric",
    "mean",
    "sd",
    "n",
    "scale",
    "data",
    "device",
    "commit",
    "verdict",
    "direction",
)
_ROUNDING = 1e-5  # six digits are kept in the file
_LEVEL = 0.99


@dataclass(frozen=True)
class Accepted:
    """One accepted number, in the order of the columns."""

    artefact: str
    entry: str
    metric: str
    mean: float
    sd: float | None
    n: int
    scale: str
    data: str
    device: str
    commit: str
    verdict: str
    direction: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Artefact, entry, metric and scale, which name the row."""
        return (self.artefact, self.entry, self.metric, self.scale)


@dataclass(frozen=True)
class Regression:
    """A fresh number beside the accepted one: its band, whether it is inside (None: no band), both verdicts."""

    key: tuple[str, str, str, str]
    accepted: float
    fresh: float | None
    low: float
    high: float
    inside: bool | None
    accepted_verdict: str
    fresh_verdict: str

    @property
    def changed(self) -> bool:
        """Whether the verdict is another one than was accepted."""
        return self.accepted_verdict != self.fresh_verdict


def read_reproduced(path: Path) -> list[Accepted]:
    """Read the accepted numbers; none where the file does not exist. A slip is one line with its place."""
    path = Path(path)
    if not path.exists():
        return []
    reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline=""), strict=True)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise AgreementError(f"{path}:1: columns: write {','.join(COLUMNS)}")
    rows: dict[tuple, Accepted] = {}
    for cells in reader:
        row = _parse(path, reader.line_num, cells)
        if row.key in rows:
            raise AgreementError(f"{path}:{reader.line_num}: {':'.join(row.key)} comes twice; keep one")
        rows[row.key] = row
    return list(rows.values())


def accepted_rows(comparison: Comparison) -> list[Accepted]:
    """Return the rows of a comparison that were run, as numbers that may be accepted."""
    return [
        Accepted(
            *row.published.key,
            row.ours.mean,
            row.ours.sd,
            row.ours.n,
            comparison.scale,
            row.data,
            row.device,
            row.commit,
            row.judgement.verdict,
            row.judgement.direction,
        )
        for row in comparison.rows
        if row.ours is not None
    ]


def accept(comparison: Comparison, path: Path) -> list[Accepted]:
    """Write the comparison's numbers to ``path``, in place of those of the same rows and scale; return all rows.

    Rows of other scales, and rows that were not run this time, stay. Order: as in the comparison, then scale.
    """
    rows = {row.key: row for row in read_reproduced(path)} | {r.key: r for r in accepted_rows(comparison)}
    place = {row.published.key: i for i, row in enumerate(comparison.rows)}
    gone = sorted(key for key in rows if key[:3] not in place)
    if gone:
        raise AgreementError(f"{path}: {':'.join(gone[0])} is no row of published.csv any more; delete that line")
    scales = ("paper", "reduced", "quick")
    ordered = sorted(rows.values(), key=lambda row: (place[row.key[:3]], scales.index(row.scale)))
    cells = ([number(v) if isinstance(v, float) else "" if v is None else str(v) for v in astuple(r)] for r in ordered)
    write_atomically(Path(path), to_csv(COLUMNS, cells))
    return ordered


def regress(accepted: Sequence[Accepted], comparison: Comparison) -> list[Regression]:
    """Return each accepted number of this scale beside the fresh one."""
    fresh = {row.published.key: row for row in comparison.rows}
    found = []
    for old in accepted:
        if old.scale != comparison.scale:
            continue
        row = fresh.get(old.key[:3])
        mean = row.ours.mean if row and row.ours else None
        low, high = band(old, row.ours.n if row and row.ours else 1)
        known = mean is not None and old.sd is not None
        found.append(
            Regression(
                key=old.key,
                accepted=old.mean,
                fresh=mean,
                low=low,
                high=high,
                inside=low <= mean <= high if known else None,
                accepted_verdict=old.verdict,
                fresh_verdict=row.judgement.verdict if row else "not run",
            )
        )
    return found


def band(old: Accepted, n: int) -> tuple[float, float]:
    """Return where the mean of ``n`` fresh seeds falls 99 times in 100 if nothing moved (t prediction interval).

    Never narrower than the digits that the file keeps; infinite where one accepted seed gives no spread.
    """
    if old.sd is None or old.n < 2:
        return (-math.inf, math.inf)
    half = float(student.ppf(0.5 + _LEVEL / 2, old.n - 1)) * old.sd * math.sqrt(1 / old.n + 1 / n)
    half = max(half, _ROUNDING * abs(old.mean))
    return (old.mean - half, old.mean + half)


def _parse(path: Path, line: int, cells: dict[str, str]) -> Accepted:
    """Return one line as an accepted number."""
    if None in cells or None in cells.values():
        raise AgreementError(f"{path}:{line}: not {len(COLUMNS)} cells; write the file with accept()")
    if cells["verdict"] not in VERDICTS:
        raise AgreementError(f"{path}:{line}: verdict: {cells['verdict']!r} is none of {', '.join(VERDICTS)}")
    try:
        mean, sd, n = float(cells["mean"]), float(cells["sd"]) if cells["sd"] else None, int(cells["n"])
    except ValueError as error:
        raise AgreementError(f"{path}:{line}: mean, sd or n: {error}; write the file with accept()") from None
    return Accepted(**{**cells, "mean": mean, "sd": sd, "n": n})
