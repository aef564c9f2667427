"""``python -m common.workflow``: what is planned, how it agrees with the papers, and whether all is there."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from common.evaluation import AgreementError
from common.results import RecordError
from common.results.plain_yaml import YamlError, parse_yaml
from common.workflow import commands
from common.workflow.config import ConfigError
from common.workflow.regress import regress
from common.workflow.resolve import Plan, default_settings, resolve

COMMANDS: dict[str, tuple[Callable[[Plan, argparse.Namespace], int], str]] = {
    "plan": (commands.plan, "jobs to run, with estimated time and memory per paper, before anything runs"),
    "compare": (commands.compare, "published beside reproduced, with verdicts; writes the comparison files"),
    "accept": (commands.accept, "write this scale's numbers into the papers' reproduced.csv"),
    "regress": (regress, "hold this scale's records to the numbers and verdicts that were accepted"),
    "verify": (commands.verify, "fail if an artefact has no rule or a required record is missing"),
    "resolve": (commands.resolve_files, "write the resolved configuration of every cell, for runs by hand"),
    "gallery": (commands.gallery, "copy this scale's figures into figures/gallery, which is committed"),
    "scoreboard": (commands.scoreboard, "rewrite the README's table from the papers' reproduced.csv"),
    "report": (commands.report, "write the one-page report of a scale"),
    "docs": (commands.docs, "write guides and API reference beside a scale's report"),
}


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    top = argparse.ArgumentParser(prog="python -m common.workflow", description=__doc__)
    verbs = top.add_subparsers(dest="command", required=True, metavar="command")
    for name, (_, text) in COMMANDS.items():
        verb = verbs.add_parser(name, help=text, description=text)
        verb.add_argument("papers", nargs="*", help="papers (default: all)")
        verb.add_argument(
            "--config", nargs="+", default=[], metavar="key=value", help="as for snakemake: scale=reduced seeds=5 …"
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
        given["papers"] = ",".join(options.papers)
    return given


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; what is wrong is one line on standard error and exit status 1."""
    options = parser().parse_args(argv)
    root = Path.cwd()
    try:
        return COMMANDS[options.command][0](resolve(root, settings(options, root)), options)
    except (ConfigError, RecordError, AgreementError, OSError) as error:
        print(f"expunge: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
