"""What records written by hand share, and files of accepted numbers and claims without the command that writes them."""

from common.evaluation import judged, reproduced
from common.evaluation.accepted import write_accepted
from common.evaluation.corrections import unexplained
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


def accept(comparison, path, corrections=()):
    """Lay a comparison's numbers into a file as ``accept`` does; return all rows."""
    rows, changed = reproduced.merged(comparison, path)
    if lacking := unexplained(changed, corrections):
        raise reproduced.UnexplainedError(lacking)
    write_accepted({path: reproduced.as_csv(rows)})
    return rows


def write_judged(rows, path):
    """Write accepted claims."""
    write_accepted({path: judged.as_csv(rows)})
