"""Weight gradients of images smaller than a kernel owe nothing to what memory held before."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from common.models.small_images import SmallImageConv2d
from common.training.arrange import arrange
from common.training.machine import Machine

BF16 = Machine(torch.device("cpu"), torch.bfloat16)

# Prints how far the gradient in bf16 is from fp32's, as a share of its size.
SCRIPT = """
import torch
from torch import nn
from common.training.arrange import arrange
from common.training.machine import Machine
torch.manual_seed(0)
plain = nn.Conv2d({channels}, {channels}, {size}, {stride}, {size} // 2, bias=False)
guarded = arrange(nn.Sequential(nn.Conv2d({channels}, {channels}, {size}, {stride}, {size} // 2, bias=False)),
                  Machine(torch.device("cpu"), torch.bfloat16))
guarded[0].load_state_dict(plain.state_dict())
x = torch.randn(14, {channels}, {side}, {side})
plain(x).square().sum().backward()
with torch.autocast("cpu", torch.bfloat16):
    guarded(x).float().square().sum().backward()
print(float((guarded[0].weight.grad - plain.weight.grad).norm() / plain.weight.grad.norm()))
"""


@pytest.mark.parametrize(("size", "stride", "side"), [(3, 2, 1), (5, 2, 1), (7, 1, 1), (7, 1, 2), (3, 2, 2), (3, 1, 4)])
def test_a_gradient_is_made_of_the_image_alone(root, size, stride, side):
    script = SCRIPT.format(channels=64, size=size, stride=stride, side=side)
    for junk in ("1", "128"):  # glibc fills what it hands out: with large numbers, with others
        environment = {**os.environ, "MALLOC_PERTURB_": junk, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        assert float(done.stdout) < 0.02, done.stderr


def test_larger_images_are_convolved_in_bf16_and_small_ones_are_not():
    net = arrange(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1)), BF16)
    assert isinstance(net[0], SmallImageConv2d)
    with torch.autocast("cpu", torch.bfloat16):
        assert net(torch.randn(2, 3, 2, 2)).dtype == torch.bfloat16
        assert net(torch.randn(2, 3, 1, 1)).dtype == torch.float32
        assert net(torch.randn(2, 3, 1, 8)).dtype == torch.float32


def test_in_fp32_no_image_is_guarded():
    net = arrange(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1)), Machine(torch.device("cpu"), None))
    assert not isinstance(net[0], SmallImageConv2d)
