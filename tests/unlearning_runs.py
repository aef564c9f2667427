"""Jobs of attribute unlearning at a tiny size on stand-ins, by their own command lines."""

import importlib
import json

from torch import nn

from common.models import resnet
from common.results import Cell, store
from common.workflow.resolve import default_settings, resolve
from replications.attribute_unlearning import networks

NAME = "attribute_unlearning"
TINY = {f"{NAME}.lemmas.drawn": 60}
for _set in ("cifar10", "fairface", "fairface_deep", "celeba", "celeba_deep"):
    TINY |= {f"{NAME}.{_set}.{k}": v for k, v in {"train_images": 24, "test_images": 30, "batch": 12}.items()}
    TINY |= {f"{NAME}.{_set}_attack.{k}": v for k, v in {"batch": 20, "most_epochs": 1}.items()}
TINY |= {f"{NAME}.lambdas.{k}": v for k, v in {"train_images": 24, "test_images": 30, "batch": 12}.items()}
TINY |= {f"{NAME}.reconstruction.epochs": 1, f"{NAME}.reconstruction.batch": 12}
TINY |= {f"{NAME}.parallel.batch": 4, f"{NAME}.parallel.side": 8, f"{NAME}.parallel.images": 8}


def plan_of(root, scale, overrides, **more):
    given = {"scale": scale, "papers": NAME, "data": "standin", "device": "cpu", "seeds": 1, "set": overrides, **more}
    return resolve(root, {**default_settings(root), **given})


def run(plan, cell, folder):
    """Run one cell by its module's own command line."""
    job = plan.job(NAME, cell)
    path = store.cell_folder(folder, job.cell) / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(job.model_dump_json(), encoding="utf-8")
    return importlib.import_module(job.module).main([str(path), "--results", str(folder)])


def record(folder, cell, scale="quick", seed=0):
    name, variant = cell.split("/")
    where = Cell(paper=NAME, experiment=name, variant=variant, scale=scale)
    return json.loads((store.cell_folder(folder, where) / f"seed={seed}.json").read_text(encoding="utf-8"))


class Narrow(resnet.ResNetEncoder):
    """A ResNet of the same stages and far fewer channels: weights by the million are drawn, saved and read else."""

    def __init__(self, depth, stem="cifar", inputs=3):
        nn.Module.__init__(self)
        self.width = depth
        widths = {"stem": (inputs, 8), "stage1": (8, 8), "stage2": (8, 8), "stage3": (8, 8), "stage4": (8, depth)}
        for name, (a, b) in widths.items():
            stride = 1 if name in ("stem", "stage1") else 2
            layers = nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()
            setattr(self, name, nn.Sequential(*layers))
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


def narrow(random, *arguments, **more):
    return networks.build(lambda: Narrow(*arguments, **more), random)
