"""The comparison as files: comparison.csv, comparison.md and claims.csv, each written whole or not at all."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from common.evaluation.claims import ClaimResult
from common.evaluation.comparison import Comparison, Row
from common.evaluation.verdicts import VERDICTS, format_p
from common.results.atomic import write_atomically

COMPARISON_COLUMNS = (
    "paper",
    "artefact",
    "entry",
    "metric",
    "published",
    "published_spread",
    "reproduced",
    "reproduced_sd",
    "n_seeds",
    "scale",
    "data",
    "delta",
    "verdict",
    "direction",
)
CLAIM_COLUMNS = (
    "paper",
    "id",
    "outcome",
    "statement",
    "where",
    "predicate",
    "evidence",
    "n_seeds",
    "scale",
    "least_scale",
    "data",
    "note",
)
_MEANING = (
    "± after our mean is the standard deviation over seeds (n - 1 in the denominator), never a standard error; "
    "± after a printed value is what the paper prints, and which kind it is stands beside it. "
    "`n_seeds` is `finished of run`: means are over the seeds that finished, and seeds that diverged or failed "
    "are counted, not dropped in silence. "
    "`reproduced` asks whether the 90 % interval of the difference lies inside the row's tolerance; `differs` is "
    "significance at 5 % after Holm over the paper's tested rows; `direction` tests the printed order against "
    "the row's reference at 5 %, one-sided, each row for itself. Values measured at scale `quick`, on a subset "
    "or on a stand-in are not judged, nor are values without a tolerance: another machine's, or of an unprinted unit."
)


def write_comparison(comparison: Comparison, folder: Path) -> list[Path]:
    """Write comparison.csv, comparison.md and claims.csv into ``folder`` and return their paths."""
    folder = Path(folder)
    texts = {
        "comparison.csv": to_csv(COMPARISON_COLUMNS, (_cells(comparison, row) for row in comparison.rows)),
        "comparison.md": to_markdown(comparison),
        "claims.csv": to_csv(CLAIM_COLUMNS, (_claim_cells(comparison, c) for c in comparison.claims)),
    }
    for name, text in texts.items():
        write_atomically(folder / name, text)
    return [folder / name for name in texts]


def number(value: float | None) -> str:
    """Return a number with six significant digits for a file; empty for None."""
    return "" if value is None else f"{value:.6g}"


def to_csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a CSV text with a header."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()


def seeds_of(row: Row) -> str:
    """Return how many seeds finished of how many were run."""
    return f"{row.ours.n if row.ours else 0} of {row.seeds}" if row.seeds else ""


def _cells(comparison: Comparison, row: Row) -> list[str]:
    """Return a row of comparison.csv in the order of its columns."""
    printed, ours = row.published, row.ours
    return [
        comparison.paper,
        printed.artefact,
        printed.entry,
        printed.metric,
        number(printed.value),
        number(printed.spread),
        number(ours.mean if ours else None),
        number(ours.sd if ours else None),
        seeds_of(row),
        comparison.scale,
        row.data,
        number(row.delta),
        row.judgement.verdict,
        row.judgement.direction,
    ]


def _claim_cells(comparison: Comparison, result: ClaimResult) -> list[str]:
    """Return a row of claims.csv in the order of its columns."""
    claim = result.claim
    return [
        comparison.paper,
        claim.id,
        result.outcome,
        claim.statement,
        claim.where,
        claim.predicate,
        result.evidence,
        result.seeds,
        comparison.scale,
        claim.least_scale,
        result.data,
        claim.note,
    ]


def to_markdown(comparison: Comparison) -> str:
    """Return the comparison as a text to read: counts, what ± means, claims, then every printed number."""
    counts = Counter(row.judgement.verdict for row in comparison.rows)
    total = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])
    parts = [
        f"# {comparison.paper}: published and reproduced, scale {comparison.scale}",
        f"{len(comparison.rows)} printed numbers: {total or 'none'}.",
        _MEANING,
    ]
    if any("STAND-IN" in row.data for row in comparison.rows):
        parts.append("**Some rows ran on STAND-IN data, generated in place of a set that was not there.**")
    if comparison.left_aside:
        parts.append(
            f"Left aside: {comparison.left_aside} records that older code or other parameters left in these cells."
        )
    if comparison.claims:
        parts += ["## Claims", _markdown(("claim", "where", "outcome", "numbers", "seeds"), _claims(comparison))]
    columns = ("artefact", "entry", "metric", "published", "reproduced", "seeds", "delta", "verdict", "direction")
    parts += ["## Numbers", _markdown((*columns, "interval of the difference, tolerance"), _numbers(comparison))]
    return "\n\n".join(parts) + "\n"


def _claims(comparison: Comparison) -> list[list[str]]:
    """Return the cells of the table of claims."""
    return [
        [f"{r.claim.id}: {r.claim.statement}", r.claim.where, r.outcome, r.evidence, r.seeds] for r in comparison.claims
    ]


def _numbers(comparison: Comparison) -> list[list[str]]:
    """Return the cells of the table of printed numbers."""
    table = []
    for row in comparison.rows:
        printed, ours = row.published, row.ours
        runs = f", n = {printed.n_runs}" if printed.n_runs else ""
        spread = "" if printed.spread is None else f" ± {printed.spread:g} ({printed.spread_kind}{runs})"
        sd = "" if ours is None or ours.sd is None else f" ± {ours.sd:.3g}"
        table.append(
            [
                printed.artefact,
                printed.entry,
                printed.metric,
                f"{printed.value:g}{spread}",
                f"{ours.mean:.4g}{sd}" if ours else "",
                seeds_of(row),
                "" if row.delta is None else f"{row.delta:+.3g}",
                row.judgement.verdict,
                row.judgement.direction,
                _reason(row),
            ]
        )
    return table


def _reason(row: Row) -> str:
    """Return the interval, tolerance and corrected p-value that a verdict rests on."""
    if row.judgement.difference is None:
        return ""
    low, high = row.judgement.difference.interval()
    p = "" if row.judgement.p_holm is None else f"; {format_p(row.judgement.p_holm)} (Holm)"
    return f"[{low:+.3g}, {high:+.3g}], ±{row.published.tolerance:g}{p}"


def _markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; bars and line breaks in cells are made harmless."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(
        "| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in line) + " |" for line in lines
    )
