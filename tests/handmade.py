"""What records written by hand share."""

from common.results import Provenance

PROVENANCE = Provenance(
    commit="c",
    dirty=False,
    code="c",
    environment="e",
    torch="t",
    device="cpu",
    dtype="fp32",
    threads=1,
    ensemble=1,
    started="now",
    seconds=1,
    peak_memory_mb=1,
)
