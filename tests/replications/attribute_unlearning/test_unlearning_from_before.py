"""D16: the method on the networks of baseline 1."""

import torch
from unlearning_runs import NAME, TINY, narrow, plan_of, record, run

from common.training.checkpoint import load_tensors
from common.workflow.dag import Dag
from replications.attribute_unlearning import experiment, networks


class TestFromBefore:
    """D16: the method on the networks of baseline 1."""

    def test_it_goes_on_where_baseline_1_ended(self, root, tmp_path, monkeypatch):
        plan = plan_of(root, "quick", {**TINY, f"{NAME}.cifar10_from_before.batch": 12})
        monkeypatch.setattr(networks, "resnet_encoder", narrow)
        assert run(plan, "cifar10/before", tmp_path) == 0
        started, true = [], experiment.train

        def train(turns, name, nets, *arguments):
            started.append({key: value.clone() for key, value in nets.state_dict().items()})
            return true(turns, name, nets, *arguments)

        monkeypatch.setattr(experiment, "train", train)
        assert run(plan, "cifar10_from_before/unlearn", tmp_path) == 0
        left = load_tensors(tmp_path / f"quick/{NAME}/cifar10/before/seed=0.safetensors")[0]
        (start,) = started
        for name, value in left.items():
            assert torch.equal(start[name.removeprefix("r18/")], value), name
        assert {name.partition(".")[0] for name in start} == {*networks.AUXILIARY, "extractor", "classifier"}
        ended = load_tensors(tmp_path / f"quick/{NAME}/cifar10_from_before/unlearn/seed=0.safetensors")[0]
        assert not all(torch.equal(value, ended[name]) for name, value in left.items()), "it did train"
        assert run(plan, "cifar10_from_before_attack/unlearn", tmp_path) == 0
        assert record(tmp_path, "cifar10_from_before_attack/unlearn")["status"] == "ok"

    def test_another_network_than_baseline_1_s_is_one_line(self, root, tmp_path, monkeypatch, capsys):
        plan = plan_of(root, "quick", {**TINY, f"{NAME}.cifar10_from_before.stage": "stage3"})
        monkeypatch.setattr(networks, "resnet_encoder", narrow)
        assert run(plan, "cifar10/before", tmp_path) == 0
        capsys.readouterr()
        assert run(plan, "cifar10_from_before/unlearn", tmp_path) == 1
        assert "stage: 'stage3', but cifar10/before has 'stage2'" in capsys.readouterr().err

    def test_no_artefact_waits_for_it(self, root):
        dag = Dag(plan_of(root, "quick", TINY), NAME)
        assert not [cell for cell in dag.wanted if "from_before" in cell]

    def test_its_protocol_is_the_method_s(self, root):
        for scale in ("paper", "reduced", "quick"):
            plan = plan_of(root, scale, {})
            for name in ("cifar10", "cifar10_attack"):
                other = name.replace("cifar10", "cifar10_from_before")
                assert plan.job(NAME, f"{other}/unlearn").params == plan.job(NAME, f"{name}/unlearn").params
