"""``judged.csv``: what became of each claim at each scale, told by runs whose records need not be at hand any more.

One row per claim and scale, with the numbers and the seeds that the predicate was judged on. What says nothing of a
claim is no row: a cell without a record, a scale below the claim's least one, a stand-in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from common.evaluation import AgreementError
from common.evaluation.accepted import SCALES, read_accepted
from common.evaluation.claims import OUTCOMES, verdict_of
from common.evaluation.comparison import Comparison
from common.evaluation.corrections import Change, Standing
from common.evaluation.reproduced import label
from common.evaluation.tables import to_csv

ON_MEANS = ", on accepted means"  # after the seeds of a row that no records were read for
COLUMNS = ("claim", "scale", "outcome", "evidence", "seeds", "data", "device", "commit")


@dataclass(frozen=True)
class Judged:
    """One claim's accepted outcome at one scale, in the order of the columns."""

    claim: str
    scale: str
    outcome: str
    evidence: str
    seeds: str
    data: str
    device: str
    commit: str

    @property
    def key(self) -> tuple[str, str]:
        """The claim's id and the scale, which name the row."""
        return (self.claim, self.scale)

    @property
    def verdict(self) -> str:
        """The outcome without its reason."""
        return verdict_of(self.outcome)

    @property
    def on_means(self) -> bool:
        """Whether it was judged on accepted means (:mod:`common.evaluation.on_means`), not on records."""
        return self.seeds.endswith(ON_MEANS)


def judged_path(reproduced: Path) -> Path:
    """Return the file of accepted claims beside a file of accepted numbers, of the same reading."""
    return Path(reproduced).with_name(Path(reproduced).name.replace("reproduced", "judged", 1))


def read_judged(path: Path) -> list[Judged]:
    """Read the accepted claims; none where the file does not exist. A slip is an AgreementError: its place."""
    return read_accepted(path, COLUMNS, _parse)


def _parse(where: str, cells: dict[str, str]) -> Judged:
    """Return one line as an accepted claim."""
    row = Judged(**cells)
    if row.verdict not in OUTCOMES:
        raise AgreementError(f"{where}: outcome: {row.outcome!r} is none of {', '.join(OUTCOMES)}")
    return row


def merged(comparison: Comparison, path: Path, on_means: Sequence[Judged] = ()) -> tuple[list[Judged], list[Change]]:
    """Return the rows as they would be with the comparison's claims in place of those of its scale, and what changes.

    Claims that this run says nothing of keep the rows that records gave them; ``on_means`` (what the accepted numbers
    of this scale say) is for the claims without such a row. Order: as in ``claims.yaml``, then scale.
    """
    before = read_judged(path)
    stay = [row for row in before if not (row.on_means and row.scale == comparison.scale)]
    fresh = [
        Judged(r.claim.id, comparison.scale, r.outcome, r.evidence, r.seeds, r.data, r.device, r.commit)
        for r in comparison.claims
        if r.stands
    ]
    place = {result.claim.id: i for i, result in enumerate(comparison.claims)}
    kept = {row.key: row for row in (*on_means, *stay, *fresh)}
    gone = sorted(claim for claim, _ in kept if claim not in place)
    if gone:
        raise AgreementError(f"{path}: {gone[0]} is no claim of claims.yaml, or none of this reading; delete that line")
    rows = sorted(kept.values(), key=lambda row: (place[row.claim], SCALES.index(row.scale)))
    return rows, changes(label(path), before, rows)


def changes(name: str, before: Sequence[Judged], after: Sequence[Judged]) -> list[Change]:
    """Return the claims of a file that end otherwise after than before, those that left it included."""
    now = {row.key: row for row in after}
    return [
        Change(name, f"claim:{old.claim}", old.scale, Standing(old.verdict), Standing(_verdict(now.get(old.key))))
        for old in before
        if _verdict(now.get(old.key)) != old.verdict
    ]


@dataclass(frozen=True)
class HeldClaim:
    """An accepted claim beside what a fresh run says: ``apart`` names why it cannot be held to that, if it cannot."""

    accepted: Judged
    fresh: str
    apart: str = ""

    @property
    def turned(self) -> bool:
        """Whether it ends otherwise than was accepted."""
        return not self.apart and verdict_of(self.fresh) != self.accepted.verdict

    def change(self, paper: str) -> Change:
        """Return the changed outcome as CORRECTIONS.md would record it."""
        was, now = Standing(self.accepted.verdict), Standing(verdict_of(self.fresh))
        return Change(paper, f"claim:{self.accepted.claim}", self.accepted.scale, was, now)


def held_claims(judged: Sequence[Judged], comparison: Comparison) -> list[HeldClaim]:
    """Return each claim accepted at the comparison's scale beside the fresh outcome."""
    fresh = {result.claim.id: result for result in comparison.claims}
    found = []
    for old in judged:
        if old.scale == comparison.scale:
            now = fresh.get(old.claim)
            absent = now is None or now.outcome == "not run"
            apart = "no record" if absent else "other data" if not now.stands or now.data != old.data else ""
            found.append(HeldClaim(old, "not run" if now is None else now.outcome, apart))
    return found


def _verdict(row: Judged | None) -> str:
    return "not run" if row is None else row.verdict


def as_csv(rows: Sequence[Judged]) -> str:
    """Return the text of a file of accepted claims; none where there are none, for then there is no file."""
    return to_csv(COLUMNS, [astuple(row) for row in rows]) if rows else ""
