"""Configuration of attribute unlearning's protocol, and what the plan says that it costs."""

import math

import pytest
import torch
from unlearning_cells import CPU, SCALES, count, known, multiply_adds, params

from common.evaluation.claims import read_claims
from common.evaluation.published import read_published
from replications.attribute_unlearning import attacker, cost, networks, parallel


class TestConfiguration:
    def test_the_published_protocol(self, paper):
        p = params(paper, "cifar10/unlearn")
        assert (p["lambda1"], p["stage"], p["epochs"], p["batch"], p["lr"]) == (5.0, "stage2", 160, 1024, 0.8)
        assert p["warm_up"] * p["epochs"] == 10
        assert (params(paper, "celeba/unlearn")["task"], params(paper, "celeba/unlearn")["attribute"]) == (
            "Smiling",
            "Male",
        )
        assert params(paper, "fairface/unlearn_age")["attribute"] == "age"
        grid = params(paper, "lambdas/l2_5")
        assert len(grid["grid2"]) * len(grid["grid3"]) == 25
        assert grid["lambda1"] == 2.5

    def test_table_1_is_whole_and_every_number_has_a_place(self, root, paper):
        rows = read_published(root / "replications/attribute_unlearning/published.csv")
        assert sum(row.artefact == "table1" for row in rows) == 81
        for name in ("table1", "table2", "table3", "sizes"):
            assert {r.entry for r in rows if r.artefact == name} == set(paper.artefacts[name].values), name

    def test_every_claim_names_cells_that_exist(self, root, paper):
        for claim in read_claims(root / "replications/attribute_unlearning/claims.yaml"):
            for quantity in claim.quantities.values():
                assert quantity.variant in paper.experiments[quantity.experiment].variants, claim.id

    def test_attacks_and_trainings_have_the_same_variants(self, paper):
        for name in ("cifar10", "fairface", "fairface_deep", "celeba", "celeba_deep"):
            assert set(paper.experiments[name].variants) == set(paper.experiments[f"{name}_attack"].variants)

    def test_deep_networks_of_faces_are_the_others_protocol_but_for_what_d14_tells(self, paper):
        for data in ("fairface", "celeba"):
            for kind in ("", "_attack"):
                for scale in SCALES:
                    one, deep = (
                        params(paper, f"{data}{name}{kind}/{v}", scale)
                        for name, v in (("", "before"), ("_deep", "before_deep"))
                    )
                    apart = {key for key in one if one[key] != deep[key]}
                    reduced = {"": {"side", "lr"}, "_attack": {"epochs"}}[kind]
                    at = {"paper": set(), "reduced": reduced, "quick": {"train_images", "batch"}}
                    assert apart <= {"depths", *at[scale]}, (data, kind, scale)
                    if kind == "" and scale == "reduced":
                        assert deep["lr"] == one["lr"] / 4, "D14: at the rate of ResNet-18 ResNet-50 fits nothing"

    def test_a_plan_reckons_with_the_least_steps(self, paper):
        p = known(paper, "cifar10_attack/before", "reduced", probed=[])
        few = cost.work("cifar10_attack", {**p, "train_images": 432})
        assert few.steps == 600 == attacker.steps_of(p, 432) * 1
        assert cost.work("cifar10_attack", p).steps == 12 * 117

    def test_cost_of_the_published_protocol(self, paper):
        """Sheet, section 5: 160 epochs of CIFAR-10 with ResNet-18 are 2.7e16 operations."""
        found = cost.work("cifar10", params(paper, "cifar10/before"))
        assert found.conv_flop == pytest.approx(2.7e16, rel=0.05)
        assert found.steps == 160 * 48
        more = cost.work("cifar10", params(paper, "cifar10/unlearn"))
        assert 1 < more.conv_flop / found.conv_flop < 1.2, "the auxiliary network is small"

    @pytest.mark.parametrize("scale", SCALES)
    def test_every_job_has_a_cost(self, paper, scale):
        for name, experiment in paper.experiments.items():
            for variant in experiment.variants:
                found = cost.work(name, known(paper, f"{name}/{variant}", scale))
                assert math.isfinite(found.conv_flop + found.flop)

    def test_an_attack_costs_what_each_network_that_it_meets_does(self, paper):
        one, both = (
            cost.work("cifar10_attack", known(paper, f"cifar10_attack/{v}")) for v in ("before", "before_deep")
        )
        assert both.steps == 2 * one.steps == 2 * 30 * (50000 // 128)
        body = 6 * 0.555e9 / 4 * 50000 * 30  # ResNet-18 on h, of half the image's side
        assert one.conv_flop == pytest.approx(body, rel=0.15)
        # the MLPs' first layer on h at 2x2 places: 128 channels of ResNet-34, 512 of ResNet-50
        assert both.flop / one.flop == pytest.approx(5)
        few = cost.work("cifar10_attack", known(paper, "cifar10_attack/before_deep", probed=[18]))
        assert (few.flop, few.steps) == (0, both.steps)
        area = cost.work("cifar10_attack", known(paper, "cifar10_attack/area"))
        assert area.conv_flop - one.conv_flop == pytest.approx(2 * 0.555e9 * 70000), "areas of rows of three kinds"

    @pytest.mark.parametrize(
        ("cell", "scale", "mib"),
        [
            ("cifar10_attack/before", "paper", 6250),
            ("cifar10_attack/before_deep", "paper", 25000),
            ("celeba_attack/before", "paper", 25000),
            ("celeba_attack/before", "reduced", 5000 * 128 * 7**2 * 4 / 2**20),
        ],
    )
    def test_features_that_are_not_kept_are_computed_every_epoch(self, paper, cell, scale, mib):
        """``mib``: of h of the deepest network, in fp32."""
        p = known(paper, cell, scale)
        more, none = (cost.work("a_attack", {**p, "cache_mb": mb}).conv_flop for mb in (1e6, 0))
        found = cost.work(cell.split("/")[0], p).conv_flop
        below = {18: 0.52 * 0.555e9, 34: 0.44 * 1.159e9, 50: 0.43 * 1.298e9}
        seen = (p["side"] / {"cifar": 1, "imagenet": 4}[p["stem"]]) ** 2  # pixels that stage 1 sees
        each = {d: 2 * below[d] * seen / 32**2 * p["train_images"] * (p["epochs"] - 1) for d in p["depths"]}
        # ImageNet's stem itself is a sixteenth of such a network
        assert none - more == pytest.approx(sum(each.values()), rel=1e-6 if p["stem"] == "cifar" else 0.08)
        h = {d: p["train_images"] * {50: 512}.get(d, 128) * seen / 4 * 4 / 2**20 for d in p["depths"]}
        assert max(h.values()) == mib
        assert found - more == pytest.approx(sum(each[d] for d in each if h[d] > p["cache_mb"]))
        # half of it, as bf16 has it, makes the same choice: the plan does not know the precision
        assert {d for d in h if h[d] > p["cache_mb"]} == {d for d in h if h[d] / 2 > p["cache_mb"]}

    @pytest.mark.parametrize(("cell", "scale"), [("cifar10/unlearn", "paper"), ("lambdas/l5", "reduced")])
    def test_the_share_below_the_cut_and_the_auxiliary_network_are_those_of_the_networks(self, paper, cell, scale):
        """Section 3.2 calls the auxiliary network's overhead limited; the README tells these shares, of CIFAR-10."""
        p = params(paper, cell, scale)
        own = scale == "paper"
        for depth, share, weights in ((18, 0.04, 0.03), (34, 0.02, 0.02), (50, 0.25, 0.21)):
            nets = networks.model(p, depth, 0, (2, 10), CPU).eval()
            below, h = multiply_adds(nets["extractor"], torch.rand(1, 3, p["side"], p["side"]))
            network = below + multiply_adds(nets["classifier"], h)[0]
            auxiliary = sum(multiply_adds(nets[name], h)[0] for name in networks.AUXILIARY)
            assert network == pytest.approx(cost.forward(p, depth), rel=0.01 if own else 0.04)
            assert below / network == pytest.approx(cost._BELOW[depth], abs=0.01 if own else 0.05)
            assert h.shape[1] == cost._CHANNELS[depth]
            assert auxiliary == pytest.approx(cost.auxiliary(p, depth), rel=0.02 if own else 0.2)
            assert not own or auxiliary / network == pytest.approx(share, abs=0.005)
            small = count(*(nets[name] for name in networks.AUXILIARY))
            assert small / count(nets["extractor"], nets["classifier"]) == pytest.approx(weights, abs=0.005)

    def test_an_area_costs_the_attribute_s_network_too(self, paper):
        for variant, trained in (("area", 2), ("area_deep", 3)):
            before, found = (
                cost.work("cifar10", known(paper, f"cifar10/{v}")) for v in (variant.replace("area", "before"), variant)
            )
            assert found.steps == trained * 160 * 48
            assert found.conv_flop - before.conv_flop == pytest.approx(2.7e16, rel=0.05)

    def test_maps_of_probes_cost_what_three_networks_read(self, paper):
        found = cost.work("attention", known(paper, "attention/celeba"))
        full = 2 * 4 * 0.555e9 * 30000  # 64x64, rows to fit on, to judge on and their maps
        assert found.conv_flop == pytest.approx(3 * 0.52 * full + full)

    @pytest.mark.parametrize("scale", SCALES)
    def test_what_keeps_features_asks_for_their_memory(self, paper, scale):
        """h as far as it is kept at that scale, once more while its batches are joined, and a tenth for the rest."""
        asked = 0
        for name, experiment in paper.experiments.items():
            for variant in experiment.variants:
                p = known(paper, f"{name}/{variant}", scale)
                if "cache_mb" in p:
                    rows = p.get("attack_images", p["train_images"])
                    inside = p["side"] / {"cifar": 2, "imagenet": 8}[p["stem"]]
                    h = rows * max({50: 512}.get(d, 128) for d in p["depths"]) * inside**2 * 4 / 2**20
                    kept = min(h, p["cache_mb"])
                    assert experiment.memory_at(scale) >= 1.1 * 2 * kept * 2**20 / 1e6, name
                    asked += 1
        assert asked > 20

    def test_clocking_costs_every_task_that_is_clocked(self, paper):
        p = known(paper, "parallel/r18")
        found = cost.work("parallel", p)
        each = 5 + 5 * 48
        assert found.steps == 5 * each + 5 + 3 * 4, "three ways, each part alone, single steps, and memory's"
        step = 6 * 1024 * 0.555e9
        assert found.conv_flop == pytest.approx((4 * each + 5 + 3 * 4) * step, rel=0.08), "two parts are one network"

    def test_as_many_tasks_and_steps_as_are_clocked(self):
        """The plan reads no torch, so that these numbers stand there once more."""
        assert parallel.TASKS - 3 == len(parallel.WAYS) == cost._WAYS
        assert parallel.MEETINGS == cost._MEETINGS
