"""What is planned, how it agrees with the papers, and whether all is there."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.data.errors import DataError
from common.evaluation import AgreementError
from common.results import RecordError
from common.results.plain_yaml import YamlError, parse_yaml
from common.workflow import by_hand, commands
from common.workflow.agreement import accept, compare
from common.workflow.config import ConfigError
from common.workflow.planning import show_plan
from common.workflow.regress import regress
from common.workflow.resolve import Plan, default_settings, resolve
from common.workflow.settings import RunConfig


@dataclass(frozen=True)
class Command:
    """A verb: what it does, in a line for the list, and which settings mean anything to it."""

    run: Callable[[Plan], int]
    text: str
    papers: bool = True
    config: bool = True


COMMANDS = {
    "plan": Command(show_plan, "jobs to run, with estimated time and memory per paper, before anything runs"),
    "compare": Command(compare, "published beside reproduced, with verdicts; writes the comparison files"),
    "accept": Command(accept, "write a scale's numbers and claims into reproduced.csv, unprinted.csv and judged.csv"),
    "regress": Command(regress, "hold a scale's records to the numbers and verdicts that were accepted"),
    "verify": Command(commands.verify, "fail if an artefact has no rule or a required record is missing"),
    "resolve": Command(by_hand.resolve, "write the resolved configuration of every cell, for runs by hand"),
    "gallery": Command(commands.gallery, "copy a scale's figures into figures/gallery, which is committed"),
    "scoreboard": Command(
        commands.scoreboard, "rewrite the README's tables from reproduced.csv and judged.csv", False, False
    ),
    "report": Command(commands.report, "write the one-page report of a scale"),
    "docs": Command(commands.docs, "write guides and API reference beside a scale's report", papers=False),
}


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    top = argparse.ArgumentParser(prog="python -m common.workflow", description=__doc__)
    verbs = top.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        told = inspect.getdoc(command.run) or command.text
        verb = verbs.add_parser(name, help=command.text, description=told.replace("``", ""))
        verb.set_defaults(papers=[], config=[])
        if command.papers:
            verb.add_argument("papers", nargs="*", help="folders of replications/ (default: all)")
        if command.config:
            verb.add_argument(
                "--config",
                nargs="+",
                metavar="key=value",
                help=f"as for snakemake: {', '.join(RunConfig.model_fields)} (config/default.yaml explains them)",
            )
    return top


def settings(options: argparse.Namespace, root: Path) -> dict:
    """Return the settings that the command line and ``config/default.yaml`` give together."""
    given = default_settings(root)
    for pair in options.config:
        key, sign, value = pair.partition("=")
        if not sign:
            raise ConfigError(f"--config: {pair!r} is not key=value")
        try:
            given[key] = value if key in ("set", "papers", "data_mirrors") else parse_yaml(value)
        except YamlError as error:
            raise ConfigError(f"--config: {key}: {value!r} is not plain YAML: {error}") from None
    if options.papers:
        _refuse_two_lists(options)
        given["papers"] = ",".join(options.papers)
    return given


def _refuse_two_lists(options: argparse.Namespace) -> None:
    """Refuse papers named both as words and under ``--config``, unless they are the same."""
    words = ",".join(options.papers)
    for pair in options.config:
        key, _, value = pair.partition("=")
        if key == "papers" and {name.strip() for name in value.split(",")} != set(options.papers):
            raise ConfigError(f"papers: {words!r} and --config {pair} differ; give one of them")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; what is wrong is one line on standard error and exit status 1."""
    options = parser().parse_args(argv)
    root = Path.cwd()
    try:
        status = COMMANDS[options.command].run(resolve(root, settings(options, root)))
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # as ``head`` leaves one; what is still to be written goes nowhere, or the exit would tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ConfigError, RecordError, AgreementError, DataError, OSError) as error:
        print(f"expunge: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
