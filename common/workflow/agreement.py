"""``compare`` and ``accept``: published beside reproduced, and the numbers that we stand by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from common.evaluation.accepted import write_accepted
from common.evaluation.cells import CellReader
from common.evaluation.comparison import Comparison
from common.evaluation.comparison import compare as compare_numbers
from common.evaluation.corrections import Change, read_corrections, unexplained
from common.evaluation.judged import as_csv as claims_csv
from common.evaluation.judged import judged_path
from common.evaluation.judged import merged as merged_claims
from common.evaluation.on_means import judge_on_means
from common.evaluation.places import places_of
from common.evaluation.reproduced import (
    UnexplainedError,
    accepted_rows,
    label,
    none_finished,
    read_reproduced,
    unfinished,
)
from common.evaluation.reproduced import as_csv as numbers_csv
from common.evaluation.reproduced import merged as merged_numbers
from common.evaluation.tables import write_comparison
from common.evaluation.unprinted import as_csv as unprinted_csv
from common.evaluation.unprinted import asked_cells, unanswered, unprinted_path
from common.evaluation.unprinted import merged as merged_unprinted
from common.workflow.config import Artefact, PaperConfig
from common.workflow.console import CONSOLE, table
from common.workflow.foreign import foreign_cells, refuse_foreign
from common.workflow.resolve import Plan
from common.workflow.stated import in_reading
from common.workflow.uncommitted import refuse_uncommitted

_COLUMNS = ("artefact", "entry", "metric", "published", "reproduced ± sd (n)", "verdict", "direction")


def comparison_of(plan: Plan, paper: str, reading: str = "") -> Comparison:
    """Return one paper's published numbers and claims beside the records of the plan's scale.

    ``reading`` is a variant to seek them in, instead of the one that the artefacts name.
    """
    config, published, claims = in_reading(plan.root, plan.papers[paper], reading)
    found = compare_numbers(config, published, claims, plan.root / "results", plan.scale)
    kept = () if reading else asked_cells(asking(config))
    return replace(found, cells=tuple(sorted({*found.cells, *kept})))


def compare(plan: Plan) -> int:
    """Write each paper's comparison files and show the comparison; further readings go to a folder of their own.

    It shows what records there are, and says which of them other code or parameters left.
    """
    for paper, config in plan.papers.items():
        compared = {reading: comparison_of(plan, paper, reading) for reading in ("", *config.readings)}
        for reading, comparison in compared.items():
            write_comparison(comparison, plan.root / "figures" / plan.scale / paper / reading)
            _show(comparison, reading)
        for line in foreign_cells(plan, paper, compared.values()).values():
            print(line)
    return 0


def accepted_path(plan: Plan, paper: str, reading: str) -> Path:
    """Return the file of a paper's accepted numbers, one per reading."""
    return plan.root / "replications" / paper / (f"reproduced-{reading}.csv" if reading else "reproduced.csv")


def accept(plan: Plan) -> int:
    """Lay the plan's scale's numbers into each paper's ``reproduced.csv`` and its claims into ``judged.csv``.

    Numbers that artefacts keep though the paper prints none go into ``unprinted.csv``.
    There is one of each per reading, and either all of them are written or none; a claim whose records are not at hand
    is judged on the accepted means where these decide it. A verdict or an outcome that changes must have its line in
    CORRECTIONS.md; the lines that lack are printed, to be filled in. Records that other code or parameters left, or a
    run with uncommitted changes, are refused.
    """
    corrections = read_corrections(plan.root / "CORRECTIONS.md")
    found: list[_Offer] = []
    for paper, config in plan.papers.items():
        compared = {reading: comparison_of(plan, paper, reading) for reading in ("", *config.readings)}
        refuse_foreign(plan, paper, compared.values())
        refuse_uncommitted(plan, paper, compared.values())
        found += [_offer(plan, config, reading, comparison) for reading, comparison in compared.items()]
    lacking = unexplained([change for offer in found for change in offer.changes], corrections)
    today = datetime.now(UTC).date().isoformat()
    for line in (*(line for offer in found for line in offer.lost), *(change.line(today) for change in lacking)):
        print(line)
    if lacking:
        raise UnexplainedError(lacking)
    write_accepted({path: text for offer in found for path, text in offer.contents.items()})
    for offer in found:
        print(offer.summary)
    return 0


@dataclass(frozen=True)
class _Offer:
    """What one reading's files would hold, the verdicts that this changes, what no seed bears now, a summary."""

    contents: dict[Path, str]
    changes: list[Change]
    lost: list[str]
    summary: str


def _offer(plan: Plan, config: PaperConfig, reading: str, comparison: Comparison) -> _Offer:
    """Return what a comparison has to say to the accepted numbers and claims of its reading."""
    path = accepted_path(plan, config.name, reading)
    numbers, moved = merged_numbers(comparison, path)
    settings, published, stated = in_reading(plan.root, config, reading)
    on_means = judge_on_means(stated, places_of(settings, published), numbers, plan.scale)
    claims, changed = merged_claims(comparison, judged_path(path), on_means)
    fresh, told = len(accepted_rows(comparison)), sum(claim.stands for claim in comparison.claims)
    rows = f"{len(numbers)} rows, {fresh} of them fresh at {plan.scale}"
    contents = {path: numbers_csv(numbers), judged_path(path): claims_csv(claims)}
    lost = [
        f"{label(path)}: {':'.join(row.key)}: {none_finished(ran, row.mean)}"
        for row, ran in unfinished(read_reproduced(path), comparison)
    ]
    if not reading:
        reader, beside = CellReader(plan.root / "results", config.name, plan.scale), unprinted_path(path)
        contents |= {beside: unprinted_csv(merged_unprinted(asking(config), reader, plan.scale, beside))}
        lost += [f"{config.name}: {line}" for line in unanswered(asking(config), reader)]
    return _Offer(
        contents,
        [*moved, *changed],
        lost,
        f"{path.relative_to(plan.root)}: {rows}; claims judged: {len(claims)}, {told} of them fresh",
    )


def asking(config: PaperConfig) -> list[Artefact]:
    """Return the artefacts that keep unprinted numbers, of their cells in the readings as well."""

    def whole(artefact: Artefact) -> tuple[str, ...]:
        own = dict.fromkeys(cell.split("/")[0] for cell in artefact.cells)
        read = (f"{e}/{r}" for r in config.readings for e in own if r in config.experiments[e].variants)
        return tuple(dict.fromkeys([*artefact.cells, *read]))

    return [a.model_copy(update={"cells": whole(a)}) for a in config.artefacts.values() if a.unprinted]


def _show(comparison: Comparison, reading: str) -> None:
    """Print published beside reproduced on the terminal."""
    which = f", reading {reading}" if reading else ""
    shown = table(f"{comparison.paper} at scale {comparison.scale}{which}", _COLUMNS, len(_COLUMNS))
    for row in comparison.rows:
        ours = "-" if row.ours is None else f"{row.ours.mean:.4g} ± {_sd(row.ours.sd)} ({row.ours.n})"
        p, j = row.published, row.judgement
        shown.add_row(p.artefact, p.entry, p.metric, f"{p.value:g}", ours, j.verdict, j.direction)
    CONSOLE.print(shown)
    for claim in comparison.claims:
        CONSOLE.print(f"{claim.claim.id}: {claim.outcome}: {claim.claim.statement}", markup=False)


def _sd(sd: float | None) -> str:
    return "?" if sd is None else f"{sd:.2g}"
