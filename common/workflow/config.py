"""What a paper's ``config.yaml`` must hold, and the parameters of a cell that follow from it.

Every error is one line that names the culprit and lists what is valid. Neither torch nor Snakemake is needed.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from common.results.plain_yaml import YamlError, brief, parse_yaml
from common.results.schema import Name, Scale


class ConfigError(ValueError):
    """A setting is wrong: one line that names it and lists what is valid."""


class Strict(BaseModel):
    """A model that takes known keys alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Strict):
    """Where one published value stands in our records: ``experiment/variant:metric``."""

    experiment: Name
    variant: Name
    metric: str

    @classmethod
    def parse(cls, text: str) -> Source:
        """Read ``experiment/variant:metric``."""
        cell, colon, metric = str(text).partition(":")
        experiment, slash, variant = cell.partition("/")
        if not (colon and slash and metric.strip()):
            raise ValueError(f"{text!r} is not experiment/variant:metric")
        return cls(experiment=experiment.strip(), variant=variant.strip(), metric=metric.strip())


class Artefact(Strict):
    """A table or figure of the paper: its title, the cells it draws from, where its published values are.

    ``unprinted``: metrics of its cells, by patterns as ``attacker_*``, that ``accept`` keeps in ``unprinted.csv``.
    """

    title: str
    kind: Literal["figure", "table"]
    cells: tuple[str, ...] = Field(min_length=1)
    ours: bool = False
    values: dict[str, Source] = {}
    unprinted: tuple[str, ...] = ()

    @field_validator("values", mode="before")
    @classmethod
    def _sources(cls, value: Any) -> Any:
        return {str(k): Source.parse(v) if isinstance(v, str) else v for k, v in (value or {}).items()}


class ScaleSettings(Strict):
    """What one scale changes: how many seeds, keys of ``params``, and further keys for single variants.

    ``memory_mb``: what a job asks for where this scale's rows need more, or less, than the experiment says.
    ``together``: one process makes all variants, one after another. For cells of a second, where loading the libraries
    takes longer than the work.
    """

    seeds: int = Field(ge=1)
    together: bool = False
    memory_mb: int | None = Field(default=None, ge=1)
    params: dict[str, Any] = {}
    variants: dict[Name, dict[str, Any]] = {}


class Experiment(Strict):
    """One experiment: its module, data set, full parameters (the published protocol), variants and scales.

    ``needs`` are cells of the same paper whose records (and weights) it reads, ``{variant}`` standing for its own
    variant; ``weights`` says that it leaves tensors for later jobs beside each record; ``threads`` and
    ``memory_mb`` are what a job of it asks for.
    """

    module: str
    dataset: str
    needs: tuple[str, ...] = ()
    weights: bool = False
    threads: int = Field(default=1, ge=1)
    memory_mb: int = Field(default=2000, ge=1)
    params: dict[str, Any]
    variants: dict[Name, dict[str, Any]]
    scales: dict[Scale, ScaleSettings]

    def memory_at(self, scale: str) -> int:
        """Return the memory in MB that a job asks for at a scale."""
        return self.scales[scale].memory_mb or self.memory_mb

    def needs_of(self, variant: str) -> tuple[str, ...]:
        """Return the cells that one variant reads."""
        return tuple(cell.replace("{variant}", variant) for cell in self.needs)


class PaperConfig(Strict):
    """A paper's ``config.yaml``: everything that a run of it depends on.

    ``generated`` names the data sets that its own code draws, beside those of ``data/registry.yaml``.
    ``readings`` are variants that replace the artefacts' own one in a further comparison: the paper as its authors'
    code reads, say, beside the paper as it is written. ``home`` is the folder it was read from: a benchmark of ours
    says what it trains in the same form.
    """

    home: Literal["replications", "benchmarks"] = "replications"
    name: Name
    title: str
    citation: str
    generated: tuple[Name, ...] = ()
    experiments: dict[Name, Experiment]
    artefacts: dict[Name, Artefact]
    readings: tuple[Name, ...] = ()
    not_reproducible: dict[str, str] = {}


def suggest(word: str, valid: list[str]) -> str:
    """Return a closing clause that lists what is valid, the nearest first where one is near."""
    near = difflib.get_close_matches(word, valid, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}valid: {', '.join(valid)}"


def one_line(error: ValidationError, what: str, model: type[BaseModel]) -> str:
    """Turn pydantic's first complaint into one line that names the key and what it may be."""
    # A misspelt key is two complaints, one missing and one unknown: the unknown one shows the slip.
    first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        *within, key = map(str, first["loc"])
        valid = suggest(key, sorted(_model_at(model, within).model_fields))
        return f"{what}: {'.'.join(within) + ': ' if within else ''}unknown key {key!r}; {valid}"
    given = "" if first["type"] in ("missing", "value_error") else f" (given: {brief(first['input'])})"
    return f"{what}: {place}: {first['msg'].removeprefix('Value error, ')}{given}"


def _model_at(model: type[BaseModel], place: list[str]) -> type[BaseModel]:
    """Return the model that a place within another one holds, through mappings of models."""
    found: Any = model
    for part in place:
        known = isinstance(found, type) and issubclass(found, BaseModel)
        found = found.model_fields[part].annotation if known else get_args(found)[-1]
    return found


def load_yaml(path: Path) -> Any:
    """Read a YAML file with the safe loader; a tag or a slip in the syntax is one line with its place."""
    try:
        return parse_yaml(Path(path).read_bytes())
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except YamlError as error:
        raise ConfigError(f"{path}: not readable as plain YAML: {error}") from None


def as_mapping(content: Any, where: str, keys: str) -> dict[Any, Any]:
    """Return what a YAML file holds if that is a mapping; anything else is one line that says which ``keys`` it has."""
    if isinstance(content, dict):
        return content
    held = "nothing" if content is None else brief(content)
    raise ConfigError(f"{where}: holds {held}; write one key: value a line ({keys})")


def paper_names(root: Path) -> list[str]:
    """Return the names of the papers: every folder of ``replications/`` that has a ``config.yaml``."""
    return sorted(path.parent.name for path in Path(root).glob("replications/*/config.yaml"))


def benchmark_names(root: Path) -> list[str]:
    """Return the names of the benchmarks that say their experiments in a ``config.yaml`` of a paper's form."""
    return sorted(path.parent.name for path in Path(root).glob("benchmarks/*/config.yaml"))


def load_paper(root: Path, name: str, home: str = "replications") -> PaperConfig:
    """Read and check one paper's (or, from its own ``home``, a benchmark's) configuration with its cross references."""
    where = f"{home}/{name}/config.yaml"
    content = as_mapping(load_yaml(Path(root) / where), where, "name, title, citation, experiments, artefacts")
    try:
        paper = PaperConfig.model_validate({**content, "home": home})
    except ValidationError as error:
        raise ConfigError(one_line(error, where, PaperConfig)) from None
    if paper.name != name:
        raise ConfigError(f"{where}: name: {paper.name!r} does not match its folder {name!r}")
    _check_references(paper, where)
    return paper


def reading_of(paper: PaperConfig, variant: str) -> PaperConfig:
    """Return the paper with its published values sought in ``variant`` of each experiment that has it.

    Values of experiments without that variant are left out: a reading has no number for them but the one as written.
    """

    def moved(values: Mapping[str, Source]) -> dict[str, Source]:
        having = {entry: s for entry, s in values.items() if variant in paper.experiments[s.experiment].variants}
        return {entry: source.model_copy(update={"variant": variant}) for entry, source in having.items()}

    artefacts = {
        name: artefact.model_copy(update={"values": moved(artefact.values)})
        for name, artefact in paper.artefacts.items()
    }
    return paper.model_copy(update={"artefacts": artefacts})


def cells_of(paper: PaperConfig) -> list[str]:
    """Return every ``experiment/variant`` of a paper."""
    return [f"{name}/{variant}" for name, e in paper.experiments.items() for variant in e.variants]


def _check_references(paper: PaperConfig, where: str) -> None:
    """Hold artefacts and readings to cells that exist, overrides to keys that exist, rules to names of their own."""
    cells = cells_of(paper)
    _check_readings(paper, where)
    _check_names(paper, where)
    for artefact, entry in paper.artefacts.items():
        used = [*entry.cells, *(f"{s.experiment}/{s.variant}" for s in entry.values.values())]
        for cell in used:
            if cell not in cells:
                raise ConfigError(f"{where}: artefacts.{artefact}: unknown cell {cell!r}; {suggest(cell, cells)}")
    for name, experiment in paper.experiments.items():
        needed = [cell for variant in experiment.variants for cell in experiment.needs_of(variant)]
        for cell in needed:
            if cell not in cells:
                raise ConfigError(f"{where}: experiments.{name}.needs: unknown cell {cell!r}; {suggest(cell, cells)}")
        _override(dict.fromkeys(experiment.params), experiment.params, f"{where}: experiments.{name}.params")
        blocks = {f"variants.{v}": keys for v, keys in experiment.variants.items()}
        own = [cell for cell in needed if cell.split("/")[0] == name]
        for scale, settings in experiment.scales.items():
            if settings.together and own:
                raise ConfigError(
                    f"{where}: experiments.{name}.scales.{scale}.together: its variants need one another "
                    f"({own[0]}); leave it out, so that each has a process"
                )
            blocks[f"scales.{scale}.params"] = settings.params
            for variant, keys in settings.variants.items():
                at = f"scales.{scale}.variants"
                if variant not in experiment.variants:
                    known = sorted(experiment.variants)
                    raise ConfigError(
                        f"{where}: experiments.{name}.{at}: unknown variant {variant!r}; {suggest(variant, known)}"
                    )
                blocks[f"{at}.{variant}"] = keys
        for block, keys in blocks.items():
            _override(dict(experiment.params), keys, f"{where}: experiments.{name}.{block}")


def _check_readings(paper: PaperConfig, where: str) -> None:
    variants = sorted({variant for experiment in paper.experiments.values() for variant in experiment.variants})
    for reading in paper.readings:
        if reading not in variants:
            raise ConfigError(
                f"{where}: readings: no experiment has a variant {reading!r}; {suggest(reading, variants)}"
            )


def _check_names(paper: PaperConfig, where: str) -> None:
    """Refuse two rules of one name: each cell, artefact and shared process has one, ``<paper>_…``."""
    named = [("compare", "the comparison")]
    named += [(cell.replace("/", "_"), f"the cell {cell}") for cell in cells_of(paper)]
    for name, experiment in paper.experiments.items():
        if any(settings.together for settings in experiment.scales.values()):
            named.append((name, f"experiments.{name} (its cells are made together)"))
    named += [(name, f"artefacts.{name}") for name in paper.artefacts]
    taken: dict[str, str] = {}
    for name, what in named:
        if name in taken:
            raise ConfigError(f"{where}: {what} and {taken[name]} would both be {paper.name}_{name}; rename one")
        taken[name] = what


def _override(base: dict[str, Any], keys: dict[str, Any], where: str) -> dict[str, Any]:
    """Return ``base`` with ``keys`` laid over it; only keys that exist may change, within their kind."""
    for key, value in keys.items():
        if key not in base:
            raise ConfigError(f"{where}: unknown key {key!r}; {suggest(key, sorted(base))}")
        old = base[key]
        number = isinstance(old, (int, float)) and isinstance(value, (int, float)) and not isinstance(old, bool)
        same = type(old) is type(value) or (number and not isinstance(value, bool))
        if not same and old is not None:
            raise ConfigError(f"{where}: {key}: {value!r} is not a {type(old).__name__} like {old!r}")
        if isinstance(old, int) and not isinstance(old, bool) and isinstance(value, float):
            raise ConfigError(f"{where}: {key}: {value!r} is not a whole number like {old!r}")
        if not _finite(value):
            raise ConfigError(
                f"{where}: {key}: {brief(value)} is not finite: a resolved configuration has no such number"
            )
        base[key] = value
    return base


def _finite(value: Any) -> bool:
    """Return whether no number in a value is NaN or infinite: JSON, which jobs read, would make it null."""
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def resolve_params(
    paper: PaperConfig, experiment: str, variant: str, scale: str, overrides: dict[str, Any]
) -> dict[str, Any]:
    """Return the parameters of one cell: protocol, scale, variant, scale for this variant, then the user's ``set``."""
    block = paper.experiments[experiment]
    where = f"{paper.home}/{paper.name}/config.yaml: experiments.{experiment}"
    if scale not in block.scales:
        raise ConfigError(f"{where}: no scale {scale!r}; valid: {', '.join(block.scales)}")
    params = dict(block.params)
    _override(params, block.scales[scale].params, f"{where}.scales.{scale}")
    _override(params, block.variants[variant], f"{where}.variants.{variant}")
    _override(params, block.scales[scale].variants.get(variant, {}), f"{where}.scales.{scale}.variants.{variant}")
    prefix = f"{paper.name}.{experiment}."
    mine = {k.removeprefix(prefix): v for k, v in overrides.items() if k.startswith(prefix)}
    return _override(params, mine, f"config: set: {prefix.rstrip('.')}")
