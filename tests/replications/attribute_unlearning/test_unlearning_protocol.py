"""Networks, rows and configuration of attribute unlearning's protocol (sheet, sections 2, 5 and 6)."""

import math

import numpy as np
import pytest
import torch
from unlearning_cells import CPU, count, params

from common.data.sets import ImageSet
from common.results import Origin
from common.training.batches import Batches
from common.training.checkpoint import Checkpoint
from common.training.in_turn import InTurn
from common.training.progress import Progress
from common.workflow.config import ConfigError
from replications.attribute_unlearning import area, attacker, lambdas, networks, reconstruction
from replications.attribute_unlearning.data import Pictures, equal_cells
from replications.attribute_unlearning.training import guesses, read


class TestNetworks:
    @pytest.mark.parametrize(("depth", "millions", "channels"), [(18, 11.17, 128), (34, 21.28, 128), (50, 23.5, 512)])
    def test_the_split_resnet_has_the_published_size(self, paper, depth, millions, channels):
        nets = networks.model(params(paper, "cifar10/unlearn"), depth, 0, (2, 10), CPU)
        body = count(nets["extractor"], nets["classifier"]) / 1e6
        assert body == pytest.approx(millions, abs=0.02)
        h = nets["extractor"].eval()(torch.rand(1, 3, 32, 32))
        assert h.shape == (1, channels, 16, 16), "h leaves stage 2"
        assert nets["decoder"].eval()(h).shape == (1, 3, 32, 32)
        assert nets["task_head"].eval()(h).norm().item() == pytest.approx(1, abs=1e-5)
        assert nets["classifier"].eval()(h).shape == (1, 2)
        assert networks.pooled(nets["classifier"])(h).shape == (1, 2048 if depth == 50 else 512)
        small = count(nets["decoder"], nets["task_head"], nets["attribute_head"]) / 1e6
        assert small < body / 3, "a small auxiliary network"

    @pytest.mark.parametrize(("stage", "shape"), [("stage1", (64, 32, 32)), ("stage3", (256, 8, 8))])
    def test_other_cuts(self, paper, stage, shape):
        nets = networks.model(params(paper, "cifar10/unlearn", stage=stage), 18, 0, (2, 10), CPU)
        h = nets["extractor"].eval()(torch.rand(1, 3, 32, 32))
        assert h.shape[1:] == shape
        assert nets["attribute_head"].eval()(h).shape == (1, 128)

    def test_every_method_of_a_seed_starts_from_the_same_network(self, paper):
        first, *others = [
            networks.model(params(paper, f"cifar10/{m}"), 18, 3, (2, 10), CPU).state_dict()
            for m in ("before", "unlearn", "literal", "entropy")
        ]
        for other in others:
            assert all(torch.equal(value, other[name]) for name, value in first.items())

    def test_a_cross_entropy_head_has_a_logit_per_class(self, paper):
        nets = networks.model(params(paper, "cifar10/entropy"), 18, 0, (2, 10), CPU).eval()
        assert nets["attribute_head"](torch.rand(2, 128, 8, 8)).shape == (2, 10)

    def test_the_attacker_keeps_every_place_of_h(self):
        net = networks.attacker(128, 10, 0, CPU).eval()
        assert net(torch.rand(2, 128, 16, 16)).shape == (2, 10)
        assert net[0](torch.rand(1, 128, 16, 16)).shape == (1, 64, 16, 16)


def pictures(labels, **p):
    """Eight-pixel pictures, 60 to train on and 40 to test on, with the labels given."""
    n = 100
    found = ImageSet(
        Origin(name="made-up", kind="real", sha256="0" * 64),
        "",
        np.random.default_rng(0).integers(0, 256, (n, 3, 8, 8), dtype=np.uint8),
        {name: np.asarray(v) for name, v in labels.items()},
        {name: tuple(map(str, range(int(np.max(v)) + 1))) for name, v in labels.items()},
        {"train": np.arange(60), "val": np.arange(60, 100)},
    )
    return Pictures(found, {"train_images": 60, "test_images": 40, "crop": 0, **p})


class TestPictures:
    def test_cifar_animals_against_vehicles(self):
        found = pictures({"class": np.arange(100) % 10}, task="living", attribute="class")
        assert found.classes == (2, 10)
        assert found.labels("living").tolist() == [0, 0, 1, 1, 1, 1, 1, 1, 0, 0] * 10
        assert found.floor_known

    def test_faces_have_no_floor_and_an_unknown_label_is_one_line(self):
        found = pictures({"gender": np.arange(100) % 2, "race": np.arange(100) % 7}, task="gender", attribute="race")
        assert not found.floor_known
        with pytest.raises(ConfigError, match="no label 'living'; valid: gender, race"):
            found.labels("living")

    def test_a_draw_of_fewer_rows_makes_a_subset(self):
        labels = {"gender": np.arange(100) % 2, "race": np.arange(100) % 7}
        whole = pictures(labels, task="gender", attribute="race")
        some = pictures(labels, task="gender", attribute="race", train_images=20)
        assert not whole.origin.subset
        assert some.origin.subset
        assert len(set(some.rows("train", 0).tolist())) == 20
        assert some.rows("train", 0).tolist() != some.rows("train", 1).tolist()
        assert set(some.rows("test", 0).tolist()) == set(range(60, 100))

    def test_attackers_meet_equal_classes_and_for_two_binary_labels_equal_cells(self):
        random = np.random.default_rng(1)
        labels = {"a": (random.random(100) < 0.3).astype(int), "b": (random.random(100) < 0.2).astype(int)}
        found = pictures(labels, task="a", attribute="b")
        rows = found.balanced("train", 0, 1000)
        cells = np.bincount(2 * labels["a"][rows] + labels["b"][rows], minlength=4)
        assert len(set(cells.tolist())) == 1
        assert rows.max() < 60
        many = pictures({"a": labels["a"], "c": np.arange(100) % 5}, task="a", attribute="c")
        assert np.bincount(np.arange(100)[many.balanced("test", 0, 20)] % 5).tolist() == [4] * 5

    def test_every_round_of_the_balanced_rows_is_balanced(self):
        cells = np.repeat([0, 1, 2], [10, 5, 7])
        rows = equal_cells(np.arange(22), cells, 3, 12, 0)
        assert len(rows) == 12
        assert [sorted(cells[rows[k : k + 3]].tolist()) for k in range(0, 12, 3)] == [[0, 1, 2]] * 4

    def test_a_class_without_images_is_one_line(self):
        with pytest.raises(ConfigError, match=r"no image to attack with: \[2, 0, 1\]"):
            equal_cells(np.arange(3), np.array([0, 0, 2]), 3, 9, 0)

    def test_fewer_rows_than_classes_are_no_fault_of_the_data(self):
        cells = np.arange(9) % 3
        with pytest.raises(ConfigError, match="2 images to attack with are less than one of each of 3 classes"):
            equal_cells(np.arange(9), cells, 3, 2, 0)
        assert len(equal_cells(np.arange(9), cells, 3, 3, 0)) == 3


class TestArea:
    def test_the_key_area_of_every_image_is_painted_and_nothing_else_changes(self, paper):
        p = params(paper, "celeba/area", "quick")
        nets = area.attribute_net(p, 0, 2, CPU)
        x = torch.randint(0, 255, (6, 3, 16, 16), dtype=torch.uint8)
        data = {"x": x, "y": torch.zeros(6), "z": torch.arange(6) % 2}
        left = area.without_area(nets, data, 0.3, torch.tensor([255.0, 0.0, 0.0]))
        changed = (left["x"] != x).any(1).flatten(1).double().mean(1)
        maps = area.maps(nets, x, data["z"])
        assert maps.shape == (6, 16, 16)
        spoken = maps.amax((1, 2)) > 0
        assert spoken.any()
        assert (changed <= 0.3 + 1 / 256).all()
        assert (changed[spoken] > 0).all()
        assert (left["x"][(left["x"] != x).any(1)[:, None].expand_as(x)].reshape(-1) % 255 == 0).all()
        assert left["y"] is data["y"]

    @pytest.mark.parametrize(("side", "name", "places"), [(64, "stage4", 8), (32, "stage4", 4), (16, "stage3", 4)])
    def test_a_map_has_four_places_a_side_at_least(self, paper, side, name, places):
        """CIFAR-10 at 16x16 would have a map of 2x2: its area were half the picture or a quarter."""
        nets = area.attribute_net(params(paper, "cifar10/area"), 0, 10, CPU).train()
        layer, found = area.stage(nets, side)
        stages = dict(zip(("stage3", "stage4"), nets["classifier"], strict=False))
        assert layer is stages[name]
        assert found == places
        assert all(net.training for net in nets.values()), "left as it was"

    @pytest.mark.parametrize(("cut", "side", "places"), [("stage3", 16, 4), ("stage1", 8, 4), ("stage2", 8, 4)])
    def test_the_stage_may_lie_below_the_cut(self, paper, cut, side, places):
        nets = area.attribute_net(params(paper, "cifar10/area", stage=cut), 0, 10, CPU)
        assert area.stage(nets, side)[1] == places
        x = torch.randint(0, 255, (2, 3, side, side), dtype=torch.uint8)
        assert area.maps(nets, x, torch.tensor([0, 9])).shape == (2, side, side)

    def test_of_pictures_too_small_for_that_it_is_the_widest(self, paper):
        nets = area.attribute_net(params(paper, "cifar10/area"), 0, 10, CPU)
        assert area.stage(nets, 2)[1] == 2

    def test_key_area_is_up_to_the_share(self):
        maps = torch.zeros(2, 4, 5)
        maps[0, 0] = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5])
        maps[1] = torch.arange(20).reshape(4, 5) / 19
        gone = area.key_area(maps, 0.3)
        assert gone.flatten(1).sum(1).tolist() == [5, 6], "what speaks for nothing stays"
        assert torch.equal(gone[0], maps[0] > 0)
        assert torch.equal(gone[1], maps[1] > 13 / 19 + 1e-6)

    def test_mean_colour(self):
        x = torch.tensor([0, 100, 200], dtype=torch.uint8).reshape(1, 3, 1, 1).expand(4, 3, 5, 5)
        assert area.mean_colour(x).tolist() == [0, 100, 200]


class TestAttacker:
    """On features that give the label away, and on features that know nothing of it."""

    def attack(self, tmp_path, x, z, cache_mb):
        extractor = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1))
        torch.nn.init.ones_(extractor[0].weight)
        fitted = attacker.fit(
            InTurn(Checkpoint(tmp_path / f"attack-{cache_mb}")),
            "toy",
            extractor,
            {"x": x, "z": z},
            2,
            {"epochs": 6, "least_steps": 1, "lr": 1e-3, "batch": 20, "cache_mb": cache_mb},
            0,
            CPU,
            Progress("toy", 1),
        )
        return fitted, extractor

    def test_reads_what_is_there(self, tmp_path):
        z = torch.arange(80) % 2
        x = (z[:, None, None, None] * 200).expand(80, 3, 8, 8).to(torch.uint8)
        fitted, extractor = self.attack(tmp_path, x, z, 100)
        assert attacker.accuracies(fitted, extractor, {"x": x, "z": z}, CPU) == (1.0, 1.0)

    def test_cached_or_computed_anew_the_attacker_is_the_same(self, tmp_path):
        z = torch.arange(40) % 2
        x = torch.randint(0, 255, (40, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        cached, anew = (self.attack(tmp_path, x, z, mb)[0].net.state_dict() for mb in (100, 0))
        assert all(torch.equal(value, anew[name]) for name, value in cached.items())


class TestReconstruction:
    def test_psnr(self):
        truth = torch.zeros(2, 3, 4, 4)
        off = torch.stack([truth[0] + 0.1, truth[1] + 0.01])
        assert reconstruction.psnr(off, truth).tolist() == pytest.approx([20.0, 40.0], abs=1e-4)
        assert math.isinf(reconstruction.psnr(truth, truth)[0])

    def test_the_excess_is_nought_for_a_perfect_picture(self):
        x = torch.randint(0, 255, (3, 3, 4, 4), dtype=torch.uint8)
        nowhere = torch.zeros(3, 4, 4, dtype=torch.bool)
        metrics, series = reconstruction.judged(x, (x / 255).clamp(1e-6, 1 - 1e-6), nowhere)
        assert metrics["excess"] == pytest.approx(0, abs=1e-4)
        assert metrics["key_area"] == 0
        assert "psnr_inside" not in metrics, "no picture has an area"
        assert series["image_0"] == series["rebuilt_0"]

    def test_the_area_has_a_psnr_of_its_own(self):
        """Two pictures off by 0.1 in their area and by 0.01 elsewhere; a third has no area and counts as a whole."""
        x, gone = torch.zeros(3, 3, 4, 4, dtype=torch.uint8), torch.zeros(3, 4, 4, dtype=torch.bool)
        gone[:2, :1] = True
        rebuilt = torch.where(gone[:, None].expand(x.shape), 0.1, 0.01)
        metrics, _ = reconstruction.judged(x, rebuilt, gone)
        assert (metrics["psnr_inside"], metrics["psnr_outside"]) == pytest.approx((20, 40), abs=1e-4)
        assert metrics["key_area"] == pytest.approx((0.25 + 0.25 + 0) / 3)
        whole = -10 * math.log10(0.25 * 0.1**2 + 0.75 * 0.01**2)
        assert metrics["psnr"] == pytest.approx((2 * whole + 40) / 3, abs=1e-4)


class TestGrid:
    def test_summaries_of_figure_6(self):
        metrics = {"aum_0.1_1": 0.2, "aum_0.1_2": 0.4, "aum_2.0_1": 0.9, "aum_2.0_2": 0.5}
        metrics |= {name.replace("aum", "fidelity"): value / 2 for name, value in metrics.items()}
        found = lambdas.summary(metrics, [0.1, 2.0], [1, 2])
        wanted = {"aum_best": 0.9, "best_lambda2": 2.0, "best_lambda3": 1.0, "aum_high": 0.7, "aum_low": 0.3}
        assert found == pytest.approx({**wanted, "fidelity_mean": 0.25})

    def test_inside_and_rim_of_a_grid_that_has_both(self):
        grid2, grid3 = [0.1, 0.5, 2.0], [0.1, 0.5, 1.0, 2.0]
        metrics = {f"aum_{a}_{b}": 0.1 * a + 0.01 * b for a in grid2 for b in grid3}
        metrics |= {"aum_0.5_0.5": 0.3, "aum_2.0_0.5": 0.4} | {f"fidelity_{a}_{b}": 0.5 for a in grid2 for b in grid3}
        found = lambdas.summary(metrics, grid2, grid3)
        assert (found["aum_inner"], found["aum_rim"], found["aum_best"]) == (0.3, 0.4, 0.4)
        assert (found["best_lambda2"], found["best_lambda3"]) == (2.0, 0.5)


class TestReading:
    def test_a_network_is_read_in_eval_mode_and_left_as_it_was(self, paper):
        nets = networks.model(params(paper, "cifar10/before", "quick"), 18, 0, (2, 10), CPU)
        before = {k: v.clone() for k, v in nets.state_dict().items()}
        x = torch.randint(0, 255, (5, 3, 16, 16), dtype=torch.uint8)
        assert guesses(nets, x, CPU).shape == (5,)
        one, all_ = read(nets["extractor"], x[:1], CPU), read(nets["extractor"], x, CPU)
        torch.testing.assert_close(one, all_[:1], atol=1e-5, rtol=1e-4)
        assert nets["extractor"].training
        assert all(torch.equal(value, before[name]) for name, value in nets.state_dict().items())

    def test_augmented_batches_are_pictures_in_the_unit_interval(self):
        found = pictures({"class": np.arange(100) % 10}, task="living", attribute="class", crop=2)
        data = found.part(np.arange(60), CPU.device)
        source = Batches(data, 20, torch.Generator(), transform=found.augmented(), noise=torch.Generator())
        source.start_epoch()
        x = source.take()["x"]
        assert (x.dtype, x.shape) == (torch.float32, (20, 3, 8, 8))
        assert 0 <= float(x.min()) <= float(x.max()) <= 1
