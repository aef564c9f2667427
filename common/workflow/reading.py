"""Claims in a reading: a paper's claims where its variant stands in the place of the one as written.

A claim that no quantity of takes from the reading says nothing of it: its outcome is that of the paper as written, and
is not counted twice. Nor is one judged that compares variants which the reading makes one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from common.evaluation.claims import Claim, Quantity
from common.workflow.config import PaperConfig


def claims_in(claims: Sequence[Claim], paper: PaperConfig, reading: str) -> list[Claim]:
    """Return the claims that a reading can be judged by, their quantities as written taken from it."""
    found = [(claim, _moved(claim, paper, reading)) for claim in claims]
    return [
        claim.model_copy(update={"quantities": moved})
        for claim, moved in found
        if moved != claim.quantities and len(_places(moved)) == len(_places(claim.quantities))
    ]


def _moved(claim: Claim, paper: PaperConfig, reading: str) -> dict[str, Quantity]:
    """Return a claim's quantities, those that stand as written taken from the reading where an experiment has it."""
    return {
        name: quantity.model_copy(update={"variant": reading})
        if quantity.variant in _as_written(paper, quantity.experiment)
        and reading in paper.experiments[quantity.experiment].variants
        else quantity
        for name, quantity in claim.quantities.items()
    }


def _as_written(paper: PaperConfig, experiment: str) -> set[str]:
    """Return the variants that a paper's printed numbers stand in; the first one where none stands there."""
    if experiment not in paper.experiments:  # a slip, which the comparison names
        return set()
    sources = [source for artefact in paper.artefacts.values() for source in artefact.values.values()]
    shown = {source.variant for source in sources if source.experiment == experiment}
    return shown or {next(iter(paper.experiments[experiment].variants))}


def _places(quantities: Mapping[str, Quantity]) -> set[tuple[str, str]]:
    return {(quantity.cell, quantity.metric) for quantity in quantities.values()}
