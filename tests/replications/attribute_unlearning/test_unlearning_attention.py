"""Probes at h and their maps: against scikit-learn, class activation maps and shares counted by hand."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import nn

from common.plotting import save
from common.results import Origin, Record
from common.training.machine import Machine
from replications.attribute_unlearning.attention import attention_figure
from replications.attribute_unlearning.probe_maps import averages, fit_probe, inside, probe_maps
from tests.handmade import PROVENANCE

CPU = Machine(torch.device("cpu"), None)


@pytest.mark.parametrize("classes", [2, 3])
def test_probe_is_logistic_regression(classes):
    random = np.random.default_rng(0)
    z = np.arange(90) % classes
    x = random.normal(size=(90, 4)) * [1, 10, 0.1, 1] + np.eye(4)[z] * [1, 5, 0.1, 0] + [0, 100, 0, 0]
    probe = fit_probe(torch.tensor(x).float(), torch.tensor(z), classes)
    scaled = StandardScaler().fit_transform(x)
    wanted = LogisticRegression(max_iter=2000).fit(scaled, z).predict_proba(scaled)
    found = probe(torch.tensor(x).float()).softmax(1).detach().numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_a_feature_that_never_changes_is_no_trouble():
    x = torch.tensor([[0.0, 5.0], [1.0, 5.0], [0.1, 5.0], [0.9, 5.0]])
    probe = fit_probe(x, torch.tensor([0, 1, 0, 1]), 2)
    assert torch.isfinite(probe.weight).all()
    assert probe(x).argmax(1).tolist() == [0, 1, 0, 1]


def test_averages_of_pictures_are_their_mean_colours():
    x = torch.randint(0, 256, (7, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(averages(nn.Identity(), x, CPU), x.float().mean((2, 3)) / 255)


def test_map_of_a_probe_is_the_class_activation_map():
    probe = nn.Linear(3, 2)
    with torch.no_grad():
        probe.weight.copy_(torch.tensor([[1.0, 0.0, -1.0], [0.0, 2.0, 0.0]]))
    x = torch.randint(0, 256, (5, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    z = torch.tensor([0, 1, 0, 1, 1])
    cam = torch.relu(torch.einsum("nk,nkhw->nhw", probe.weight.detach()[z], x.float() / 255))
    torch.testing.assert_close(probe_maps(nn.Identity(), probe, x, z), cam / cam.amax((1, 2), keepdim=True))


def test_share_inside():
    maps = torch.tensor([[[1.0, 1.0], [0.0, 2.0]], [[0.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]])
    gone = torch.tensor([[[True, False], [False, True]]] * 3)
    assert inside(maps, gone) == pytest.approx((3 / 4 + 1) / 2), "an empty map lies nowhere"
    assert inside(maps, ~gone) == pytest.approx((1 / 4 + 0) / 2)
    assert inside(maps[1:2], gone[1:2]) == 0


class TestFigure:
    @staticmethod
    def record(status="ok"):
        series, side = {}, 4
        for name in ("before", "unlearn", "area"):
            for k in range(2):
                series[f"image_{name}_{k}"] = [float(10 * k)] * (3 * side * side)
                series[f"cam_{name}_{k}"] = [0.5] * (side * side)
        metrics = {f"{what}_{name}": 0.5 for name in ("before", "unlearn", "area") for what in ("probe", "inside")}
        return Record(
            paper="attribute_unlearning",
            experiment="attention",
            variant="celeba",
            dataset=Origin(name="celeba-10k", kind="real", subset=True, sha256="0" * 64),
            seed=0,
            scale="quick",
            metrics={**metrics, "chance": 0.5, "removed": 0.3} if status == "ok" else {},
            series=series if status == "ok" else {},
            params={},
            provenance=PROVENANCE,
            status=status,
            message="" if status == "ok" else "step 3: loss",
        )

    def test_is_drawn_and_stamped(self, tmp_path):
        fig = attention_figure([self.record()], "attention")
        assert [ax.get_ylabel().split("\n")[0] for ax in fig.axes] == ["input", "before", "after", "baseline 2"]
        assert "celeba-10k" in fig._supxlabel.get_text()
        save(fig, [tmp_path / "attention.png"])
        assert (tmp_path / "attention.png").stat().st_size > 1000

    def test_nothing_to_draw_is_one_line(self):
        with pytest.raises(KeyError, match="cam_before_0"):
            attention_figure([self.record("diverged")], "attention")
