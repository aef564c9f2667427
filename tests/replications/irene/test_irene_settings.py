"""An unknown setting is one line that names it and what is valid, before anything is loaded or trained."""

import pytest
from refusals import refusal

from common.models.plain_conv import LAST
from common.workflow.config import ConfigError, cells_of, load_paper, resolve_params
from common.workflow.resolve import default_settings, resolve
from replications.irene import faces, networks
from replications.irene.settings import NAMED, TARGETS, check


@pytest.mark.parametrize("scale", ["paper", "reduced", "quick"])
def test_every_cell_as_it_is_configured_passes(root, scale):
    paper = load_paper(root, "irene")
    for cell in cells_of(paper):
        experiment, variant = cell.split("/")
        check(experiment, resolve_params(paper, experiment, variant, scale, {}))


def test_what_is_valid_is_what_there_is():
    assert NAMED["method"] == ("vanilla", "irene", *networks.DEBIASED)
    assert set(NAMED["last"]) == set(LAST)
    assert tuple(faces.TARGETS) == TARGETS


@pytest.mark.parametrize(
    ("p", "told"),
    [
        ({"method": "irenne"}, "method: 'irenne'; did you mean 'irene'? valid: vanilla, irene, rubi, rebias"),
        ({"last": "sigmoid"}, "last: 'sigmoid'; valid: relu, tanh"),
        ({"rhos": []}, "rhos: []; valid: a list of numbers from 0.0 to 1.0, each once"),
        ({"rhos": [0.1, 1.5]}, "rhos: [0.1, 1.5]; valid"),
        ({"rhos": [0.1, 0.1]}, "rhos: [0.1, 0.1]; valid"),
        ({"rhos": [1]}, "rhos: [1]; valid"),  # its metrics would be g_1, and figures seek g_1.0
        ({"rhos": [[0.1]]}, "rhos: [[0.1]]; valid"),
        ({"targets": ["smile"]}, "targets: ['smile']; valid: a list of blond, makeup, glasses, each once"),
        ({"targets": []}, "targets: []; valid"),
        ({"targets": [["blond"]]}, "targets: [['blond']]; valid"),
        ({"milestones": [0]}, "milestones: [0]; valid: a list of whole numbers from 1"),
        ({"milestones": [1.5]}, "milestones: [1.5]; valid"),
        ({"lr": 0.0}, "lr: 0.0; valid: above 0"),
        ({"gamma": -0.5}, "gamma: -0.5; valid: 0 or more"),
        ({"alpha": -1.0}, "alpha: -1.0; valid: 0 or more"),
        ({"side": 0}, "side: 0; valid: 1 or more"),
        ({"shown": 0}, "shown: 0; valid: 1 or more"),
        ({"batches": 0}, "batches: 0; valid: 1 or more"),
        ({"batch": 1}, "batch: 1; valid: 2 or more"),
        ({"batch": 100, "train_images": 50}, "batch: 100 does not fit 50 images (train_images)"),
        ({"batch": 100, "rows": 50}, "batch: 100 does not fit 50 rows"),
        ({"rows": 1}, "rows: 1; valid: 2 or more"),
        ({"batch": 37, "batches": 5}, "batch: 37; valid: a multiple of 10, for equal classes"),
    ],
)
def test_what_no_cell_knows_is_named(p, told):
    with pytest.raises(ConfigError) as raised:
        check("biased_mnist", p)
    assert str(raised.value).startswith(f"biased_mnist: {told}")


def test_the_ends_of_a_range_are_valid():
    check("biased_mnist", {"rhos": [0.0, 1.0], "gamma": 0.0, "batch": 2, "train_images": 2, "epochs": 1})
    check("celeba", {"batch": 100, "train_images": 50, "balanced_train": True})


@pytest.mark.parametrize(
    ("cell", "setting", "value"),
    [
        ("biased_mnist/irene", "method", "irenne"),
        ("celeba/baseline", "targets", ["smile"]),
        ("celeba_attack/baseline", "most_epochs", 0),
        ("samples/exact", "shown", 0),
        ("proxy/exact", "batch", 37),
        ("updates/exact", "rows", 1),
    ],
)
def test_every_job_says_so_in_one_line(root, tmp_path, capsys, cell, setting, value):
    given = {"scale": "quick", "papers": "irene", "data": "standin", "device": "cpu", "seeds": 1}
    job = resolve(root, {**default_settings(root), **given}).job("irene", cell)
    job = job.model_copy(update={"params": {**job.params, setting: value}, "needs": (), "upstream": ""})
    assert f"{setting}: {value!r}" in refusal(job, tmp_path, capsys)
