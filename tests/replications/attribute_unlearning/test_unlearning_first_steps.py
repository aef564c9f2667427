"""Every kind of job of attribute unlearning starts at scale paper."""

import pytest
from unlearning_runs import NAME, plan_of, record, run

FIRST = {
    f"{NAME}.{s}.{k}": v
    for s in ("cifar10", "fairface", "celeba", "lambdas")
    for k, v in {"train_images": 8, "test_images": 8, "batch": 4, "epochs": 1}.items()
}
FIRST |= {
    f"{NAME}.{s}_attack.{k}": v
    for s in ("cifar10", "celeba")
    for k, v in {
        "train_images": 40,
        "test_images": 40,
        "batch": 20,
        "epochs": 1,
        "least_steps": 1,
        "probe_images": 40,
        "most_epochs": 2,
    }.items()
}
FIRST |= {
    f"{NAME}.lambdas.{k}": v
    for k, v in {"grid2": [0.5], "grid3": [1.0], "attack_images": 14, "attack_epochs": 1, "least_steps": 1}.items()
}
FIRST |= {f"{NAME}.reconstruction.epochs": 1, f"{NAME}.reconstruction.batch": 4, f"{NAME}.attention.probe_images": 40}
FIRST |= {
    f"{NAME}.parallel.{k}": v for k, v in {"batch": 4, "images": 8, "steps": 2, "rounds": 1, "warm_up": 1}.items()
}


@pytest.mark.slow
class TestFirstStepsAtScalePaper:
    """Full-size pictures and networks: seconds a step."""

    @pytest.mark.parametrize(
        "cells",
        [
            ["cifar10/unlearn_deep"],
            [
                "celeba/unlearn",
                "celeba_attack/unlearn",
                "celeba/before",
                "celeba/area",
                "reconstruction/unlearn",
                "attention/celeba",
            ],
            ["cifar10/area", "cifar10_attack/area"],
            ["fairface/unlearn_age"],
            ["lambdas/l2_5"],
            ["parallel/r50"],
        ],
    )
    def test_every_kind_of_job(self, cells, root, tmp_path):
        plan = plan_of(root, "paper", FIRST)
        for cell in cells:
            assert run(plan, cell, tmp_path) == 0
            found = record(tmp_path, cell, "paper")
            assert found["status"] == "ok", found["message"]
        side = record(tmp_path, cells[0], "paper")["params"]["side"]
        assert side == (32 if cells[0].startswith(("cifar10", "parallel")) else 64)
