"""Slips in what a paper states show before anything runs: at the start of Snakemake, and where a run is verified."""

import shutil

import pytest

from common.evaluation import AgreementError
from common.workflow import start as starting
from common.workflow.commands import verify
from common.workflow.resolve import resolve
from common.workflow.start import Asked, start

GIVEN = {"scale": "quick", "papers": "infoshape"}


@pytest.fixture
def folder(root, tmp_path, monkeypatch):
    for name in ("replications/infoshape", "common", "config", "data"):
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "raw", "generated"))
    monkeypatch.setattr(starting, "asked", lambda: Asked(frozenset(), runs=False))
    return tmp_path


def broken(folder, name, old, new):
    path = folder / "replications/infoshape" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


SLIPS = [
    ("claims.yaml", "predicate:", "predicat:", "claims.yaml: claim "),
    ("claims.yaml", "raw/thesis:", "raw/theses:", "unknown cell 'raw/theses'; did you mean 'raw/thesis'"),
    ("published.csv", "artefact,entry", "artefact,entri", "published.csv:1: columns: missing entry"),
    (
        "config.yaml",
        '{final: "raw/thesis',
        '{finale: "raw/thesis',
        "'finale' is no row of published.csv; did you mean 'final'",
    ),
]


@pytest.mark.parametrize(("name", "old", "new", "said"), SLIPS)
def test_a_slip_ends_the_start_and_verify(folder, name, old, new, said):
    broken(folder, name, old, new)
    with pytest.raises(SystemExit) as ended:
        start(folder, GIVEN)
    assert str(ended.value).startswith("expunge: ")
    assert said in str(ended.value)
    assert "\n" not in str(ended.value)
    with pytest.raises(AgreementError, match="infoshape"):
        verify(resolve(folder, GIVEN))


@pytest.mark.parametrize("name", ["published.csv", "claims.yaml"])
def test_a_file_that_is_gone_is_missed_though_the_comparison_is_on_disk(folder, name):
    (folder / "replications/infoshape" / name).unlink()
    with pytest.raises(SystemExit, match=f"{name}: no such file"):
        start(folder, GIVEN)


def test_a_cluster_s_node_does_not_look_again(folder, monkeypatch):
    broken(folder, "claims.yaml", "predicate:", "predicat:")
    monkeypatch.setattr(starting, "asked", lambda: Asked(frozenset(), runs=False, node=True))
    assert list(start(folder, GIVEN).papers) == ["infoshape"]
