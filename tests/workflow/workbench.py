"""A copy of the checkout to work on, and Snakemake run in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")


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


def commit_all(folder: Path) -> None:
    """Make a repository of a copy, all of it committed: what runs there can be accepted."""
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@t"]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "copy"]):
        subprocess.run([*git, *words], check=True)


def run_snakemake(folder: Path, *arguments: str, timeout: float = 900) -> subprocess.CompletedProcess:
    """Run Snakemake in a checkout with this environment's interpreter."""
    return subprocess.run(
        [str(SNAKEMAKE), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=_environment(),
        check=False,
    )


def start_snakemake(folder: Path, *arguments: str, command: tuple[str, ...] = (str(SNAKEMAKE),)) -> subprocess.Popen:
    """Start Snakemake in a checkout and let it run, its words in ``run.log``."""
    with (folder / "run.log").open("w") as log:
        return subprocess.Popen(
            [*command, *arguments], cwd=folder, stdout=subprocess.DEVNULL, stderr=log, env=_environment()
        )


def _environment() -> dict[str, str]:
    environment = {**os.environ, "PATH": f"{SNAKEMAKE.parent}:{os.environ['PATH']}"}
    environment.pop("PYTEST_CURRENT_TEST", None)
    return environment
