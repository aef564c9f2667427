"""Cells that a scale makes together: one process for them, and each may still be asked for by its name."""

import pytest
import yaml

from common.workflow.config import ConfigError, load_paper
from common.workflow.dag import Dag
from common.workflow.resolve import default_settings, resolve


def dag(root, scale):
    return Dag(resolve(root, {**default_settings(root), "scale": scale, "papers": "sliced_infomin"}), "sliced_infomin")


def test_one_process_leaves_what_its_cells_leave(root):
    own = dag(root, "quick")
    processes = {job.rule: job for job in own.processes()}
    census, judge = processes["sliced_infomin_census"], processes["sliced_infomin_census_judge"]
    variants = [name for name in own.config.experiments["census"].variants if f"census/{name}" in own.wanted]
    assert [path.split("/")[4] for path in census.files] == variants
    assert len(census.records) == len(census.weights) == 2 * len(variants)
    assert sorted(judge.inputs) == sorted(census.records + census.weights)
    assert census.settings["census/tc_3"] == own.training("census/tc_3").settings
    made = [path for job in own.processes() for path in job.records]
    assert sorted(made) == sorted(path for job in own.trainings() for path in job.records), "each once"


def test_what_is_made_on_request_alone_keeps_a_process_of_its_own(root):
    own = dag(root, "quick")
    names = {job.rule for job in own.processes()}
    assert "sliced_infomin_census_fit_large" in names
    assert "sliced_infomin_census_slice" not in names
    assert {"sliced_infomin_census", "sliced_infomin_census_slice"} <= set(own.targets)
    assert {job.rule for job in own.joined()} & names == set()


def test_other_scales_have_a_process_per_cell(root):
    own = dag(root, "reduced")
    assert own.joined() == []
    assert own.processes() == own.trainings()
    assert "sliced_infomin_census" not in own.targets


def test_cells_that_need_one_another_cannot_share_a_process(root, tmp_path):
    folder = tmp_path / "replications/sliced_infomin"
    folder.mkdir(parents=True)
    content = yaml.safe_load((root / "replications/sliced_infomin/config.yaml").read_text())
    content["experiments"]["census"]["needs"] = ["census/none"]
    (folder / "config.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match=r"census\.scales\.quick\.together: its variants need one another") as error:
        load_paper(tmp_path, "sliced_infomin")
    assert "\n" not in str(error.value)


def test_an_artefact_cannot_have_the_name_of_the_process(root, tmp_path):
    folder = tmp_path / "replications/sliced_infomin"
    folder.mkdir(parents=True)
    content = yaml.safe_load((root / "replications/sliced_infomin/config.yaml").read_text())
    content["artefacts"]["census"] = next(iter(content["artefacts"].values()))
    (folder / "config.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(
        ConfigError, match=r"artefacts\.census and experiments\.census .* both be sliced_infomin_census"
    ) as error:
        load_paper(tmp_path, "sliced_infomin")
    assert "\n" not in str(error.value)
