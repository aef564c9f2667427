"""What the command line may say of a whole run: ``config/default.yaml`` under ``--config``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from common.results.plain_yaml import parse_yaml
from common.workflow.config import ConfigError, PaperConfig, Strict, one_line, paper_names, suggest


class RunConfig(Strict):
    """What a user may set for a whole run (``config/default.yaml``, overridden by ``--config``)."""

    scale: Literal["auto", "paper", "reduced", "quick"] = "auto"
    papers: tuple[str, ...] | Literal["all"] = "all"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    data: Literal["auto", "real", "standin"] = "auto"
    data_mirrors: tuple[str, ...] = ("../shared/data",)
    seeds: int | None = Field(default=None, ge=1, le=1000)
    checkpoint_seconds: float = Field(default=120.0, ge=0, allow_inf_nan=False)
    set: dict[str, Any] = Field(default_factory=dict)

    @field_validator("papers", "data_mirrors", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if value is None:
            return ()
        if isinstance(value, str) and value != "all":
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("set", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        if value is None:
            return {}
        if isinstance(value, str):
            pairs = [part.partition("=") for part in split_outside_brackets(value) if part.strip()]
            broken = [key for key, sign, _ in pairs if not sign]
            if broken:
                raise ValueError(f"{broken[0]!r} is not paper.experiment.key=value")
            return {key.strip(): parse_yaml(text) for key, _, text in pairs}
        return value


def split_outside_brackets(text: str) -> list[str]:
    """Return the parts between commas; those within a list or a mapping are its own."""
    parts, depth = [""], 0
    for character in text:
        depth = max(0, depth + (character in "[{") - (character in "]}"))
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def run_config(given: dict[str, Any]) -> RunConfig:
    """Validate the settings of a run."""
    try:
        return RunConfig.model_validate({k: v for k, v in given.items() if not (k == "set" and v is None)})
    except ValidationError as error:
        raise ConfigError(one_line(error, "config", RunConfig)) from None


def select_papers(root: Path, wanted: tuple[str, ...] | str) -> list[str]:
    """Return the papers asked for; an unknown one, or none, is an error that lists the valid ones."""
    valid = paper_names(root)
    if wanted == "all":
        return valid
    if not wanted:
        raise ConfigError(f"config: papers: names none; valid: all, {', '.join(valid)}")
    for name in wanted:
        if name not in valid:
            raise ConfigError(f"config: papers: unknown paper {name!r}; {suggest(name, valid)}")
    return [name for name in valid if name in wanted]


def check_overrides(papers: list[PaperConfig], overrides: dict[str, Any]) -> None:
    """Refuse a ``set`` that names no experiment of a chosen paper."""
    valid = [f"{paper.name}.{name}" for paper in papers for name in paper.experiments]
    for key in overrides:
        place = key.rpartition(".")[0]
        if place not in valid:
            raise ConfigError(f"config: set: {key!r} names no experiment; {suggest(place, valid)} (then .key)")
