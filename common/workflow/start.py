"""The start of a run of Snakemake: what was asked for, the plan that follows, the locks, and the shell of its jobs."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from common.workflow import locks, remake
from common.workflow.config import ConfigError, suggest
from common.workflow.dag import targets
from common.workflow.resolve import Plan, default_settings, resolve

# Before each job's command: a job that the kernel kills can say nothing itself, and its shell says "Killed", no more.
# What it asked for is known where it counts, on a node of Slurm's: in a rule's own command it would make all stale.
_ASKED = "$(printenv SLURM_MEM_PER_NODE | sed 's/.*/ (memory_mb in its config.yaml asked for & MB)/')"
_KILLED = (
    f"expunge: killed (signal 9), most likely for want of memory{_ASKED}: run with fewer --cores, or at a smaller "
    "scale (python -m common.workflow plan shows what each job may take); given again, the command goes on where it was"
)
_TOLD = shlex.quote(f'if [ $? -eq 137 ]; then echo "{_KILLED}" >&2; fi')
SHELL = f"set -euo pipefail; trap {_TOLD} EXIT;"
# What a cluster's node is told of the plan it works for: on the node, `auto` could mean another device and scale.
CARRIED = "EXPUNGE_RESOLVED"


@dataclass(frozen=True)
class Asked:
    """What was typed: the targets, whether jobs will run (no dry run, no question to Snakemake), and where.

    ``elsewhere``: a cluster's nodes run them. ``node``: nothing was typed, this is Snakemake at work on such a node.
    """

    targets: frozenset[str]
    runs: bool
    elsewhere: bool = False
    node: bool = False


def asked(argv: list[str] | None = None) -> Asked:
    """Return what Snakemake's command line asks for, which it tells a Snakefile only after reading it."""
    from snakemake.cli import parse_args
    from snakemake_interface_executor_plugins.settings import ExecMode

    with contextlib.redirect_stderr(io.StringIO()):  # it names the profile, as it did when it started
        _, options = parse_args(argv)
    if options.mode != ExecMode.DEFAULT:  # one job, on a node or beside the run: Snakemake says so to itself alone
        return Asked(frozenset(), runs=False, node=True)
    elsewhere = options.executor not in (None, "local", "dryrun", "touch")
    asks = options.dryrun or options.lint or options.unlock or options.dag or options.rulegraph or options.summary
    if options.no_hooks and not asks:
        raise ConfigError("--no-hooks: one of them writes the configurations that the jobs read; leave it out")
    return Asked(frozenset(options.targets or ()), not asks, elsewhere)


def start(root: Path, given: dict) -> Plan:
    """Resolve the run for Snakemake, announce it, and end with one line where something is wrong.

    ``given`` is Snakemake's config.
    """
    try:
        typed = asked()
        carried = json.loads(os.environ.get(CARRIED, "{}")) if typed.node else {}
        plan = resolve(root, {**default_settings(root), **given, **carried}, elsewhere=typed.elsewhere)
        valid = targets(plan)
        for name in sorted(typed.targets):
            if name not in valid and not name.startswith(("results/", "figures/")):
                raise ConfigError(f"target: unknown {name!r}; {suggest(name, valid)}")
    except ConfigError as error:
        sys.exit(f"expunge: {error}")
    print(plan.headline(), file=sys.stderr, flush=True)
    if not typed.node and (files := remake.overtaken(plan)):
        print(remake.told(files), file=sys.stderr, flush=True)
        remake.make_anew(files)
    if typed.elsewhere:
        os.environ[CARRIED] = json.dumps({"scale": plan.scale, "device": plan.device})
    if typed.runs:
        try:
            locks.release_stale(Path.cwd())
            locks.note_run(Path.cwd())
            locks.name_the_holder(Path.cwd())
        except OSError as error:
            sys.exit(f"expunge: {error}")
    return plan
