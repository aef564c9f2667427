"""The data sets that experiments name: those of the registry, and those that a paper's own code draws."""

from __future__ import annotations

from collections.abc import Iterable

from common.data.registry import default_registry
from common.workflow.config import ConfigError, PaperConfig, suggest


def check_datasets(papers: Iterable[PaperConfig]) -> None:
    """Refuse an experiment whose ``dataset`` is neither registered nor among its paper's ``generated`` ones.

    A reader of the registry would find out once its job runs; one that draws its data, never.
    """
    registered = tuple(default_registry().sets)
    for paper in papers:
        where, valid = f"{paper.home}/{paper.name}/config.yaml", [*paper.generated, *registered]
        for name in paper.generated:
            if name in registered:
                raise ConfigError(f"{where}: generated: {name!r} is a set of data/registry.yaml; give it another name")
        for experiment, block in paper.experiments.items():
            if block.dataset not in valid:
                raise ConfigError(
                    f"{where}: experiments.{experiment}.dataset: unknown data set {block.dataset!r}; "
                    f"{suggest(block.dataset, valid)}"
                )
