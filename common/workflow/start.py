"""The start of a run of Snakemake: what was asked for, the plan that follows, the locks, and the shell of its jobs."""

from __future__ import annotations

import contextlib
import difflib
import io
import json
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from common.data.errors import DataError
from common.evaluation import AgreementError
from common.workflow import locks, remake
from common.workflow.config import ConfigError, suggest
from common.workflow.dag import dags, files, targets
from common.workflow.resolve import Plan, default_settings, resolve
from common.workflow.stated import read_stated

# Before each job's command. From a file: Snakemake quotes the whole command of a job that failed, and words that are in
# it would be read as what happened.
SHELL = f"set -euo pipefail; . {shlex.quote(str(Path(__file__).resolve().with_name('killed.sh')))};"
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
            if name.startswith(("results/", "figures/")):
                _check_path(plan, name)
            elif name not in valid:
                raise ConfigError(f"target: unknown {name!r}; {suggest(name, valid)}")
        if not typed.node:  # a node's jobs were checked where they were asked for
            for paper in plan.papers.values():
                read_stated(root, paper)
    except (ConfigError, AgreementError, DataError) as error:
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


def _check_path(plan: Plan, path: str) -> None:
    """Refuse a file that no rule of this scale makes; a folder's own rules are Snakemake's to know."""
    known = files(plan)
    if path not in known and not any(own.own_rules for own in dags(plan)):
        near = difflib.get_close_matches(path, known, n=3)
        hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        raise ConfigError(
            f"target: no job makes {path!r} at scale {plan.scale}; {hint}snakemake --list names the targets"
        )
