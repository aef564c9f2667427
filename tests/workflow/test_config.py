import re
import shutil

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from common.results.plain_yaml import parse_yaml
from common.workflow.__main__ import main
from common.workflow.config import ConfigError, load_paper, load_yaml, resolve_params
from common.workflow.resolve import default_settings, resolve
from common.workflow.settings import RunConfig, run_config, select_papers


def refused(**given):
    with pytest.raises(ConfigError) as error:
        run_config(given)
    text = str(error.value)
    assert "\n" not in text
    return text


def test_unknown_key_is_named_with_the_nearest_and_all_valid():
    text = refused(scal="quick")
    assert "'scal'" in text
    assert "did you mean 'scale'" in text
    for key in ("papers", "device", "precision", "data", "seeds", "set"):
        assert key in text


@pytest.mark.parametrize(
    ("key", "value", "valid"),
    [
        ("scale", "huge", "reduced"),
        ("device", "tpu", "cuda"),
        ("precision", "fp8", "bf16"),
        ("data", "fake", "standin"),
    ],
)
def test_unknown_value_lists_the_valid_ones(key, value, valid):
    text = refused(**{key: value})
    assert key in text
    assert value in text
    assert valid in text


@pytest.mark.parametrize("value", ["three", "0", "-1", 1.5, True.__class__])
def test_seeds_must_be_a_number(value):
    assert "seeds" in refused(seeds=value)


def test_strings_from_the_command_line_are_read():
    config = run_config(
        {"papers": "irene, infoshape", "seeds": "5", "set": "infoshape.raw.batch=500,infoshape.raw.ema=true"}
    )
    assert config.papers == ("irene", "infoshape")
    assert config.seeds == 5
    assert config.set == {"infoshape.raw.batch": 500, "infoshape.raw.ema": True}


def test_numbers_and_lists_from_the_command_line_are_read(root):
    given = "infoshape.encoder_a.encoder_lr=1e-3, irene.biased_mnist.rhos=[0.1,0.5],infoshape.raw.x=[[1,2],[3]],"
    assert run_config({"set": given}).set == {
        "infoshape.encoder_a.encoder_lr": 1e-3,
        "irene.biased_mnist.rhos": [0.1, 0.5],
        "infoshape.raw.x": [[1, 2], [3]],
    }
    paper = load_paper(root, "irene")
    overrides = run_config({"set": "irene.biased_mnist.rhos=[0.1, 0.5]"}).set
    assert resolve_params(paper, "biased_mnist", "irene", "quick", overrides)["rhos"] == [0.1, 0.5]
    for broken in ("infoshape.raw.x=[1,2", "infoshape.raw.x=1],[2", "infoshape.raw.batch=1,2"):
        assert "set" in refused(set=broken)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(text, float(text)) for text in ("1e-3", "1E3", "-2e+5", "+1.5e2", ".5e1", "1.e1", "1.0e-4", "0.5")],
        *[(text, int(text)) for text in ("1", "-20")],
        *[(text, text) for text in ("e3", "1e", "1e-", "12e4f", "1e3.0", "v1e3", "1 e3")],
        ("'1e-3'", "1e-3"),
    ],
)
def test_floats_of_yaml_1_2(text, value):
    """YAML 1.1 wants a point and a sign in them, and takes others for words without a word."""
    (found,) = parse_yaml(f"lr: {text}").values()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("empty", ["", ",", " , ", None, []])
def test_no_paper_at_all_is_refused(root, empty):
    with pytest.raises(ConfigError, match=r"^config: papers: names none; valid: all, attribute_unlearning, "):
        resolve(root, {**default_settings(root), "papers": empty})


@pytest.mark.parametrize(
    "words", [["infoshape", "--config", "papers=irene"], ["irene", "--config", "seeds=1", "papers=all"]]
)
def test_papers_named_twice_must_agree(words, capsys, monkeypatch, root):
    monkeypatch.chdir(root)
    assert main(["plan", *words]) == 1
    assert f"papers: {words[0]!r} and --config {words[-1]} differ; give one of them" in capsys.readouterr().err


def test_unknown_paper_lists_the_valid_ones(root):
    with pytest.raises(ConfigError, match=r"unknown paper 'infoshap'; did you mean 'infoshape'"):
        select_papers(root, ("infoshap",))


def test_default_settings_name_every_key(root):
    assert set(default_settings(root)) == set(RunConfig.model_fields)


def test_protocol_scale_variant_user_are_laid_over_each_other(root):
    paper = load_paper(root, "infoshape")
    params = resolve_params(paper, "encoder_a", "repository", "quick", {"infoshape.encoder_a.batch": 250})
    assert params["batch"] == 250, "the user's word is last"
    assert params["update_every"] == 10, "the variant's"
    assert params["n_per_class"] == 2000, "the scale's"
    assert params["encoder_lr"] == 1e-3, "the protocol's"


def test_a_scale_may_change_one_variant_alone(root):
    paper = load_paper(root, "attribute_unlearning")
    many, few = (resolve_params(paper, "cifar10", v, "reduced", {}) for v in ("before", "before_deep"))
    assert few["train_images"] < many["train_images"], "deep networks see fewer images at reduced"
    assert few["depths"] == [34, 50]
    whole = resolve_params(paper, "cifar10", "before_deep", "paper", {})
    assert whole["train_images"] == paper.experiments["cifar10"].params["train_images"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("infoshape.encoder_a.bach=3", ["unknown key 'bach'", "did you mean 'batch'"]),
        ("infoshape.encoder_x.batch=3", ["infoshape.encoder_x.batch", "names no experiment", "infoshape.encoder_a"]),
        ("infoshape.encoder_a.batch=many", ["batch", "'many'", "int"]),
        ("infoshape.encoder_a.batch=2.5", ["batch", "whole number"]),
        ("infoshape.encoder_a.ema=1", ["ema", "bool"]),
        ("infoshape.encoder_a.batch", ["set: 'infoshape.encoder_a.batch' is not paper.experiment.key=value"]),
        *[(f"infoshape.encoder_a.encoder_lr={v}", ["encoder_lr", "not finite"]) for v in (".nan", ".inf", "-.inf")],
    ],
)
def test_overrides_that_fit_nothing_are_refused(root, given, words):
    with pytest.raises(ConfigError) as error:
        resolve(root, {**default_settings(root), "scale": "quick", "papers": "infoshape", "set": given})
    for word in words:
        assert word in str(error.value)


def test_numbers_that_json_does_not_have_are_refused(root):
    """They would reach the job as null."""
    for lists in ("[0.1, .nan]", "[[.inf]]"):
        with pytest.raises(ConfigError, match=r"rhos: .* is not finite"):
            resolve(root, {**default_settings(root), "scale": "quick", "set": f"irene.biased_mnist.rhos={lists}"})
    assert "checkpoint_seconds" in refused(checkpoint_seconds=float("inf"))


def test_default_settings_that_are_none_are_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"default\.yaml: no such file; run this in the checkout's root$"):
        default_settings(tmp_path)
    (tmp_path / "config").mkdir()
    path = tmp_path / "config/default.yaml"
    path.write_text("quick\n")
    with pytest.raises(
        ConfigError, match=r"^config/default\.yaml: holds 'quick'; write one key: value a line \(scale, "
    ):
        default_settings(tmp_path)
    path.write_text("# all as it is\n")
    assert default_settings(tmp_path) == {}


@pytest.mark.parametrize(("content", "held"), [("", "nothing"), ("[1]\n", r"\[1\]"), ("quick\n", "'quick'")])
def test_a_paper_s_config_that_is_no_mapping_is_one_line(tmp_path, content, held):
    (tmp_path / "replications/p").mkdir(parents=True)
    (tmp_path / "replications/p/config.yaml").write_text(content)
    with pytest.raises(ConfigError, match=f"config.yaml: holds {held}; write one key: value a line .name, title, "):
        load_paper(tmp_path, "p")


@pytest.fixture
def folder(root, tmp_path):
    shutil.copytree(root / "replications/infoshape", tmp_path / "replications/infoshape")
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "cells: [raw/thesis]",
            "cells: [raw/theses]",
            ["artefacts.fig3_5a", "raw/theses", "did you mean 'raw/thesis'"],
        ),
        ("raw/thesis:mi_xx_chart", "raw/thesis", ["experiment/variant:metric"]),
        ("derange: {derange: true}", "derange: {deranged: true}", ["variants.derange", "unknown key 'deranged'"]),
        (
            "      quick:\n        seeds: 3\n        params:",
            "      quick:\n        seeds: 3\n        variants: {thesys: {}}\n        params:",
            ["scales.quick.variants", "unknown variant 'thesys'", "did you mean 'thesis'"],
        ),
        ("name: infoshape", "name: other", ["does not match its folder"]),
        (
            "readings: [batched, repository]",
            "readings: [batched, repositery]",
            ["readings: no experiment has a variant 'repositery'", "did you mean 'repository'"],
        ),
        (
            "  fig3_5a:",
            "  raw_thesis:",
            ["artefacts.raw_thesis and the cell raw/thesis would both be infoshape_raw_thesis"],
        ),
        ("  fig3_5a:", "  compare:", ["artefacts.compare and the comparison would both be infoshape_compare"]),
        (
            "dataset: thesis-gaussians\n    params: {n_per_class: 30000}\n    variants:",
            "dataset: thesis-gaussians\n    params: {n_per_class: 30000}\n    variant:",
            ["config.yaml: experiments.closed_forms: unknown key 'variant'", "did you mean 'variants'", "memory_mb"],
        ),
        (
            'values: {final: "raw/thesis:mi_xx_chart"}',
            "values: {final: {experiments: raw}}",
            ["artefacts.fig3_5a.values.final: unknown key 'experiments'", "did you mean 'experiment'", "metric"],
        ),
        ("{n_per_class: 30000}", "{n_per_class: .nan}", ["experiments.closed_forms.params", "nan is not finite"]),
        ("title: Neural", "titel: Neural", ["unknown key 'titel'", "did you mean 'title'"]),
        (
            "n_per_class: 30000  ",
            "n_per_class: !!python/object/apply:os.system ['false']  ",
            ["not readable as plain YAML"],
        ),
    ],
)
def test_slips_in_a_papers_config_are_one_line(folder, old, new, words):
    path = folder / "replications/infoshape/config.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as error:
        load_paper(folder, "infoshape")
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("dataset: mnist", "dataset: minst", ["config.yaml: experiments.", "unknown data set 'minst'", "'mnist'?"]),
        ("dataset: thesis-gaussians", "dataset: gaussians", ["unknown data set 'gaussians'", "correlated-gaussians"]),
        ("generated: [", "generated: [mnist, ", ["generated: 'mnist' is a set of data/registry.yaml"]),
    ],
)
def test_a_data_set_that_nothing_has_is_refused(folder, old, new, words):
    path = folder / "replications/infoshape/config.yaml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError) as error:
        resolve(folder, {"scale": "quick"})
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_readers_take_the_data_set_that_the_config_names(root):
    """A name in the code would win over the one in the config without a word."""
    chooses = {"pictures.py"}  # one of several sets, by what is at hand
    named = re.compile(r"\bload\(\s*[\"']")
    files = [path for home in ("replications", "benchmarks") for path in (root / home).rglob("*.py")]
    assert [str(path) for path in files if named.search(path.read_text()) and path.name not in chooses] == []


def test_a_module_that_is_not_there_is_one_line(folder):
    """As a paper stands half written: config first, modules later."""
    for path in folder.glob("replications/infoshape/*.py"):
        path.unlink()
    plan = resolve(folder, {"scale": "quick"})
    with pytest.raises(ConfigError, match=r"^no first-party module 'replications.infosh.*: a config.yaml needs it$"):
        plan.job("infoshape", "raw/thesis")


def test_missing_and_broken_yaml(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load_yaml(tmp_path / "none.yaml")
    (tmp_path / "b.yaml").write_text("a: [1, 2")
    with pytest.raises(ConfigError, match=r"b\.yaml"):
        load_yaml(tmp_path / "b.yaml")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["scale", "papers", "device", "seeds", "set", "data", "x"]), VALUES, max_size=4))
def test_any_settings_are_taken_or_refused_in_one_line(given):
    try:
        run_config(given)
    except ConfigError as error:
        assert "\n" not in str(error)


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_any_yaml_as_a_papers_config_is_refused_in_one_line(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "replications/p").mkdir(parents=True)
    (folder / "replications/p/config.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError) as error:
        load_paper(folder, "p")
    assert "\n" not in str(error.value)


def test_the_first_line_warns_of_a_precision_that_the_processor_lacks(root, monkeypatch):
    given = {**default_settings(root), "device": "cpu", "precision": "bf16"}
    for has, said in ((True, "precision bf16, "), (False, "precision bf16 (this processor only emulates it, ")):
        monkeypatch.setattr("common.workflow.resolve.has_bf16_products", lambda has=has: has)
        assert said in resolve(root, given).headline()
    assert "emulates" not in resolve(root, {**given, "precision": "auto"}).headline()
