"""A copy of the checkout to work on, and Snakemake run in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def copy_checkout(target: Path) -> Path:
    """Copy the sources of the checkout (what git tracks or would track), without results or environment."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if name.startswith(("tests/", "benchmarks/", "figures/")) or not (ROOT / name).is_file():
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    return target


def run_snakemake(folder: Path, *arguments: str, timeout: float = 900) -> subprocess.CompletedProcess:
    """Run Snakemake in a checkout with this environment's interpreter."""
    snakemake = Path(sys.executable).with_name("snakemake")
    environment = {**os.environ, "PATH": f"{snakemake.parent}:{os.environ['PATH']}"}
    environment.pop("PYTEST_CURRENT_TEST", None)
    return subprocess.run(
        [str(snakemake), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
        check=False,
    )
