"""What records written by hand share."""

from common.results import Origin, Provenance, Record

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


def made(experiment="e", variant="v", seed=0, **fields):
    """Return a record with the metrics, series and params given."""
    generated = Origin(name="d", kind="generated", sha256="0" * 64)
    identity = {"paper": "p", "experiment": experiment, "variant": variant, "scale": "quick", "seed": seed}
    return Record(**{**identity, "dataset": generated, "provenance": PROVENANCE, "metrics": {}, "params": {}, **fields})
