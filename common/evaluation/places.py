"""Places: where a paper's printed numbers and the quantities of its claims stand in our records.

What is held to a paper's configuration here needs no record, so that a slip shows before anything is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Protocol

from common.evaluation import AgreementError
from common.evaluation.claims import Claim
from common.evaluation.published import Key, Published


class Place(Protocol):
    """Where one value stands in our records."""

    @property
    def experiment(self) -> str: ...  # noqa: D102
    @property
    def variant(self) -> str: ...  # noqa: D102
    @property
    def metric(self) -> str: ...  # noqa: D102


class HasValues(Protocol):
    """An artefact: which place answers which printed entry (``entry``, or ``entry:metric`` where it has several)."""

    @property
    def values(self) -> Mapping[str, Place]: ...  # noqa: D102


class HasVariants(Protocol):
    """An experiment and its variants."""

    @property
    def variants(self) -> Mapping[str, object]: ...  # noqa: D102


class Paper(Protocol):
    """What this module needs of a paper's configuration."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def artefacts(self) -> Mapping[str, HasValues]: ...  # noqa: D102
    @property
    def experiments(self) -> Mapping[str, HasVariants]: ...  # noqa: D102


def places_of(paper: Paper, published: Sequence[Published]) -> dict[Key, Place]:
    """Return where each printed number stands in our records; numbers without a place are left out.

    Refuses a place for a number that is not printed, and one that several printed numbers would share.
    """
    metrics: dict[tuple[str, str], list[str]] = {}
    for row in published:
        metrics.setdefault((row.artefact, row.entry), []).append(row.metric)
    places: dict[Key, Place] = {}
    for artefact, block in paper.artefacts.items():
        valid = _names(metrics, artefact)
        for name, place in block.values.items():
            where = f"{paper.name}: config.yaml: artefacts.{artefact}.values: {name!r}"
            if name not in valid:
                raise AgreementError(f"{where} is no row of published.csv; {_valid(name, valid)}")
            if valid[name] is None:
                one = f"{name}:{metrics[artefact, name][0]}"
                raise AgreementError(f"{where} has several metrics in published.csv; say which, as {one!r}")
            places[valid[name]] = place
    return places


def _names(metrics: Mapping[tuple[str, str], list[str]], artefact: str) -> dict[str, Key | None]:
    """Return the names by which a configuration may call an artefact's rows; None marks an ambiguous one."""
    names: dict[str, Key | None] = {}
    for (owner, entry), kinds in metrics.items():
        if owner == artefact:
            names[entry] = (owner, entry, kinds[0]) if len(kinds) == 1 else None
            names |= {f"{entry}:{metric}": (owner, entry, metric) for metric in kinds}
    return names


def check_claims(paper: Paper, claims: Iterable[Claim]) -> None:
    """Hold the claims to cells that the paper's configuration has; raises :class:`AgreementError`."""
    cells = [f"{name}/{variant}" for name, e in paper.experiments.items() for variant in e.variants]
    for claim in claims:
        for name, quantity in claim.quantities.items():
            if quantity.cell not in cells:
                raise AgreementError(
                    f"{paper.name}: claims.yaml: claim {claim.id}: quantities.{name}: unknown cell "
                    f"{quantity.cell!r}; {_valid(quantity.cell, cells)}"
                )


def _valid(word: str, valid: Iterable[str]) -> str:
    """Return a closing clause with what is valid, the nearest first."""
    words = sorted(valid)
    near = get_close_matches(word, words, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + f"valid: {', '.join(words) or 'none'}"
