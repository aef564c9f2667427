"""Any text, any structure: each parser of ours takes it or refuses it in one line that names the file.

``tests/workflow/test_config.py`` and ``tests/common/evaluation`` fuzz settings, papers' structures, printed numbers and
predicates; here are raw bytes, the registry, resolved configurations, accepted numbers, corrections and records.
"""

import copy
import json
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from common.data.errors import DataError
from common.data.registry import Registry, read_registry
from common.evaluation import AgreementError
from common.evaluation.claims import read_claims
from common.evaluation.corrections import COLUMNS as CORRECTION_COLUMNS
from common.evaluation.corrections import read_corrections
from common.evaluation.judged import read_judged
from common.evaluation.reproduced import COLUMNS, read_reproduced
from common.results import RecordError, read
from common.results.plain_yaml import YamlError, parse_yaml
from common.workflow.config import ConfigError, load_paper, load_yaml
from common.workflow.job import read_config
from common.workflow.resolve import default_settings, resolve
from common.workflow.settings import run_config

ROOT = Path(__file__).resolve().parents[2]
# Pieces that YAML, CSV and our tables give a meaning to, so that more than the first character is tried.
PIECES = st.sampled_from(
    [
        *("a", "sets", "version", "1", "-1", "1e999", ".nan", ": ", ":", "\n", "\n  ", "- ", "[", "]", "{", "}", ","),
        *("!!int ", "!!python/name:os.system ", "!x ", "&a ", "*a", "<<", "? ", "'", '"', "#", "%", "@", "`", "\t"),
        *("2026-11-21", "2026-99-99", "12:30:45", "0x", "0b2", "_", "~", "=", "|", "é", "\0", "\u2028", "\x85"),
        *("\ufeff", "\ud7ff"),
    ]
)
TEXT = st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=20)
BYTES = TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.integers(), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def one_line(error, path=None):
    text = str(error)
    assert len(text.splitlines()) == 1, text
    assert len(text) < 3000
    if path is not None:
        assert path.name in text


def tried(reader, path, errors):
    """Read a file, and return whether it was taken; a refusal is one line with its name."""
    try:
        reader(path)
    except errors as error:
        one_line(error, path)
        return False
    return True


@settings(max_examples=200)
@given(BYTES)
def test_any_bytes_as_yaml(content):
    try:
        parse_yaml(content)
    except YamlError as error:
        one_line(error)


@settings(max_examples=150)
@given(BYTES)
def test_any_bytes_as_each_file(folder, content):
    for name, reader, errors in [
        ("registry.yaml", read_registry, DataError),
        ("config.yaml", load_yaml, ConfigError),
        ("claims.yaml", read_claims, AgreementError),
        ("config.json", read_config, ConfigError),
        ("seed=0.json", read, RecordError),
        ("reproduced.csv", read_reproduced, AgreementError),
        ("judged.csv", read_judged, AgreementError),
        ("CORRECTIONS.md", read_corrections, AgreementError),
    ]:
        path = folder / name
        path.write_bytes(content)
        tried(reader, path, errors)


PLAIN = {
    "version": 1,
    "sets": {
        "toy": {
            "title": "t",
            "kind": "full",
            "items": 1,
            "licence": "l",
            "home": "h",
            "reader": "mnist",
            "mirrors": ["m"],
            "layouts": {"files": [{"path": "a.gz", "sha256": "0" * 64, "bytes": 3, "urls": ["https://example.org/a"]}]},
        },
        "part": {"title": "t", "kind": "subset", "parent": "toy", "items": 1, "licence": "l", "home": "h"},
    },
}


def places(value, at=()):
    """Return the way to every value inside a structure."""
    found = [at] if at else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*at, key))
    return found


def changed(content, place, value):
    """Return the structure with another value at one place."""
    content = copy.deepcopy(content)
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return content


@settings(max_examples=150)
@given(st.sampled_from(places(PLAIN)), VALUES | TEXT)
def test_any_value_anywhere_in_the_registry(folder, place, value):
    path = folder / "mutated.yaml"
    path.write_text(yaml.safe_dump(changed(PLAIN, place, value), allow_unicode=True), encoding="utf-8")
    if tried(read_registry, path, DataError):
        for entry in read_registry(path).sets.values():
            for file in (file for files in entry.layouts.values() for file in files):
                assert ".." not in Path(file.path).parts
                assert not Path(file.path).is_absolute()
                assert not file.urls or file.verifiable, "nothing is downloaded that cannot be checked"


def test_the_registry_that_is_changed_there_is_a_good_one():
    assert Registry.model_validate(PLAIN)


@pytest.fixture(scope="module")
def paper(folder):
    """A paper's configuration as it is committed, in a house of its own, and the file that is changed."""
    shutil.copytree(ROOT / "replications/infoshape", folder / "replications/infoshape")
    path = folder / "replications/infoshape/config.yaml"
    return path, load_yaml(path)


@settings(max_examples=40)
@given(st.data())
def test_any_value_anywhere_in_a_papers_configuration(folder, paper, data):
    path, content = paper
    place = data.draw(st.sampled_from(places(content)))
    path.write_text(yaml.safe_dump(changed(content, place, data.draw(VALUES | TEXT)), allow_unicode=True), "utf-8")
    tried(lambda path: load_paper(folder, "infoshape"), path, ConfigError)


@settings(max_examples=150)
@given(TEXT)
def test_any_text_as_single_keys(text):
    for given_set in (text, f"infoshape.raw.batch={text}", f"infoshape.{text}=1"):
        try:
            run_config({"set": given_set})
        except ConfigError as error:
            one_line(error)


@settings(max_examples=15)
@given(TEXT, VALUES)
def test_any_single_key_through_a_whole_plan(text, value):
    for key in ("infoshape.raw.batch", f"infoshape.raw.{text}", f"{text}.raw.batch"):
        try:
            resolve(ROOT, {**default_settings(ROOT), "scale": "quick", "papers": "infoshape", "set": {key: value}})
        except ConfigError as error:
            one_line(error)


CELLS = st.sampled_from(["", "1", "-1", "nan", "inf", "1e-3", "a", "paper", "quick", "reproduced", "differs", "x,y"])


@settings(max_examples=150)
@given(st.lists(st.lists(CELLS | TEXT, min_size=len(COLUMNS) - 1, max_size=len(COLUMNS) + 1), max_size=3))
def test_any_row_as_an_accepted_number(folder, rows):
    path = folder / "reproduced.csv"
    path.write_text("\n".join([",".join(COLUMNS), *(",".join(row) for row in rows)]), "utf-8")
    tried(read_reproduced, path, AgreementError)


STANDINGS = st.sampled_from(["not run", "differs at 1.5 (n=3)", "reproduced at -2e-3 (n=1)", "differs at x (n=2)", ""])


@settings(max_examples=150)
@given(st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT, STANDINGS, STANDINGS, TEXT), max_size=3), st.booleans())
def test_any_row_as_a_correction(folder, rows, dated):
    path = folder / "CORRECTIONS.md"
    heads = [CORRECTION_COLUMNS, ["---"] * len(CORRECTION_COLUMNS)]
    lines = ["| " + " | ".join(row) + " |" for row in heads]
    lines += ["| " + " | ".join(("2026-11-21" if dated else row[0], *row[1:])) + " |" for row in rows]
    path.write_text("\n".join(lines), "utf-8")
    tried(read_corrections, path, AgreementError)


GOLDEN = json.loads((ROOT / "tests/golden/records/quick/golden/encoder/random/seed=0.json").read_text())


@settings(max_examples=150)
@given(st.sampled_from(places(GOLDEN)), VALUES | TEXT)
def test_any_value_anywhere_in_a_record(folder, place, value):
    path = folder / "seed=0.json"
    path.write_text(json.dumps(changed(GOLDEN, place, value), default=str), "utf-8")
    tried(read, path, RecordError)
