"""A cell whose job runs in this process: what it leaves, and what it says."""

import json

from common.results import Origin
from common.workflow.fingerprint import fingerprint
from common.workflow.job import Outcome, main

ORIGIN = Origin(name="d", kind="generated", sha256="0" * 64)


def configuration(folder, version=1, root=None, **changes):
    """Write a resolved configuration of two seeds, and below ``root`` (or ``folder``) the code it names; its path."""
    root = root or folder
    root.mkdir(parents=True, exist_ok=True)
    (root / "m.py").write_text(f"VERSION = {version}\n")
    config = {
        "cell": {"paper": "p", "experiment": "e", "variant": "v", "scale": "quick"},
        "module": "m",
        "code": fingerprint("m", root),
        "seeds": 2,
        "dataset": "d",
        "needs": [],
        "params": {"lr": 0.1},
        "device": "cpu",
        "precision": "fp32",
        "data": "auto",
        "data_mirrors": [],
    } | changes
    path = folder / "e/v/config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config))
    return path


def run(path, results, outcome=lambda seed: Outcome({"value": float(seed)}, {"curve": [0.5] * 2000})):
    """Run a cell's job; each record is of some 16 kB."""
    return main(
        [str(path), "--results", str(results)],
        lambda job, seeds: ({seed: outcome(seed) for seed in seeds}, ORIGIN, "fp32"),
        path.parents[2],
        "test",
    )


def files(folder):
    """Return every file below a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
