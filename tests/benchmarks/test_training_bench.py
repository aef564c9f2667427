"""The training benchmark compares like with like."""

import pytest
import torch

from benchmarks.training import __main__ as table
from benchmarks.training import cases, plain
from common.models.initial import linear
from common.models.plain_conv import plain_conv_encoder
from common.models.resnet import resnet_encoder
from common.models.stacked_norm import stacked_network


def shapes(*modules):
    return sorted(tuple(p.shape) for module in modules for p in module.parameters())


def seeded():
    return torch.Generator().manual_seed(0)


def test_both_sides_train_the_same_networks():
    ours = plain_conv_encoder(seeded(), last="tanh"), linear(128, 10, seeded())
    assert shapes(plain.convolutional_network()) == shapes(*ours)
    resnet = plain.resnet()
    assert sorted(shapes(resnet)) == shapes(resnet_encoder(seeded(), 18), linear(512, 10, seeded()))
    for case, widths in cases.WIDTHS.items():
        norm = "batch" if case.endswith("norm") else None
        stack = stacked_network(widths, [seeded(), seeded()], norm=norm)
        single = plain.perceptron(widths, norm is not None)
        assert sum(p.numel() for p in stack.parameters()) == 2 * sum(p.numel() for p in single.parameters())


@pytest.mark.parametrize("who", ["plain", "ours"])
def test_a_measurement_has_time_and_memory(who):
    found = cases.measure("perceptron", who, blocks=1, steps=2)
    assert found["seconds"] > 0
    assert found["peak_mb"] > 10


def test_the_table_is_written_with_its_ratio(tmp_path, monkeypatch):
    seconds = {"plain": 2.0, "ours": 0.5}
    monkeypatch.setattr(table, "run", lambda case, who: {"seconds": seconds[who], "peak_mb": 100.0})
    line = table.row("biased_mnist", {"fp32": 1e11, "bf16": 2e11})
    assert line["ratio"] == 4
    assert line["engine, images/s"] == 200
    assert line["of fp32 rate"] == pytest.approx(2 * line["of bf16 rate"])
    table.write(tmp_path / "speed", [line], "a note")
    assert "| ratio |" in (tmp_path / "speed.md").read_text()
    assert (tmp_path / "speed.csv").read_text().count("\n") == 2
