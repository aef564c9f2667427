"""What the papers state, their printed numbers and claims, held to their configurations before anything runs."""

from __future__ import annotations

from pathlib import Path

from common.evaluation.claims import Claim, read_claims
from common.evaluation.places import check_claims, places_of
from common.evaluation.published import Published, read_published
from common.workflow.config import PaperConfig, reading_of
from common.workflow.reading import claims_in


def read_stated(root: Path, config: PaperConfig) -> tuple[list[Published], list[Claim]]:
    """Return a paper's printed numbers and claims; neither a record nor torch is needed.

    Raises :class:`common.evaluation.AgreementError` where a file lacks or has a slip, or names what the configuration
    does not have.
    """
    folder = root / "replications" / config.name
    published, claims = read_published(folder / "published.csv"), read_claims(folder / "claims.yaml")
    places_of(config, published)
    check_claims(config, claims)
    return published, claims


def in_reading(root: Path, config: PaperConfig, reading: str) -> tuple[PaperConfig, list[Published], list[Claim]]:
    """Return a paper's configuration, printed numbers and claims, their places those of a reading.

    Of the numbers and claims those that the reading has a say in.
    """
    published, claims = read_stated(root, config)
    if reading:
        claims, config = claims_in(claims, config, reading), reading_of(config, reading)
        places = places_of(config, published)
        published = [row for row in published if row.key in places]
    return config, published, claims
