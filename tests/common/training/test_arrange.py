from functools import partial

import pytest
import torch
from torch.nn.functional import cross_entropy

from common.models.plain_conv import plain_conv_encoder
from common.models.resnet import resnet_encoder
from common.training.arrange import arrange, compiled, has_bf16_products, prepare_for_convolutions, side_by_side
from common.training.batches import Batches
from common.training.checkpoint import Checkpoint
from common.training.machine import Machine, has_matrix_units
from common.training.parts import Part
from common.training.routing import Route
from common.training.seeding import generator
from common.training.state import state_of, take_up
from common.training.trainer import Trainer

CPU = Machine(torch.device("cpu"), None)


def test_auto_takes_bf16_for_small_kernels_where_the_processor_has_its_products():
    machine = prepare_for_convolutions("cpu", "auto", kernel=3)
    assert (machine.autocast == torch.bfloat16) == has_bf16_products(machine.device)


def test_auto_leaves_large_kernels_to_spectra_where_there_are_no_matrix_units():
    machine = prepare_for_convolutions("cpu", "auto", kernel=7)
    assert (machine.autocast == torch.bfloat16) == has_matrix_units(machine.device)
    taken = plain_conv_encoder(generator(), channels=(2, 2)).by_spectra(torch.zeros(1, 3, 28, 28))
    assert taken, "and the encoder knows when it runs in fp32"


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", None), ("bf16", torch.bfloat16)])
def test_what_is_asked_for_is_done(precision, dtype):
    assert prepare_for_convolutions("cpu", precision).autocast == dtype


def test_matrix_units_imply_bf16_products():
    device = torch.device("cpu")
    assert has_bf16_products(device) or not has_matrix_units(device)


def test_layout_changes_the_speed_and_not_the_result():
    plain, moved = resnet_encoder(generator(1), 18), arrange(resnet_encoder(generator(1), 18), CPU)
    assert moved.stem[0].weight.is_contiguous(memory_format=torch.channels_last)
    large = arrange(plain_conv_encoder(generator(), channels=(4, 4)), CPU)
    assert large.layers[3].weight.is_contiguous()
    x = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(plain(x), moved(x), rtol=1e-3, atol=1e-4)


def test_a_run_in_channels_last_resumes_to_the_bit_with_its_moments_in_place(tmp_path):
    rows = {"x": torch.randn(24, 3, 8, 8, generator=generator("x")), "y": torch.arange(24) % 2}

    def trainer():
        net = arrange(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(144, 2)), CPU)
        with torch.no_grad():
            for p in net.parameters():
                p.normal_(std=0.1, generator=generator("init"))
        part = Part("all", net, partial(torch.optim.SGD, lr=0.1, momentum=0.9))
        source = Batches(rows, 8, generator("o"))

        def step(batch):
            return [Route(cross_entropy(net(batch["x"]), batch["y"]), ("all",), "task")]

        return Trainer(net, [part], step, source, epochs=3, machine=CPU)

    whole, first, again = trainer().train(), trainer(), trainer()
    first.epochs = 2
    checkpoint = Checkpoint(tmp_path / "c")
    first.train()
    checkpoint.save(*state_of(first))
    take_up(again, *checkpoint.resume())
    weight = again.model[0].weight
    assert again.parts[0].optimiser.state[weight]["momentum_buffer"].stride() == weight.stride()
    again.train()
    assert all(torch.equal(a, b) for a, b in zip(again.model.parameters(), whole.model.parameters(), strict=True))


def test_without_a_gpu_functions_and_tasks_run_as_they_are():
    def double(x):
        return 2 * x

    assert compiled(double, CPU) is double
    assert side_by_side([lambda: 1, lambda: 2], CPU) == [1, 2]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="the streams and graphs of a GPU need one")
def test_on_a_gpu_compiled_and_concurrent_results_are_the_plain_ones():
    machine = Machine(torch.device("cuda"), None)
    x = torch.randn(64, 64, device="cuda")
    fast = compiled(torch.tanh, machine)
    for _ in range(3):
        torch.testing.assert_close(fast(x), torch.tanh(x))
    torch.testing.assert_close(side_by_side([lambda: x @ x, lambda: x + x], machine), [x @ x, x + x])
