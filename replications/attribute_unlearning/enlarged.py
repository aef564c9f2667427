"""A convolution of an enlarged image, without the enlarged image.

InfoPro's decoder enlarges h bilinearly and convolves what comes out. Both are linear, so the kernel's taps may come
first, as 1x1 convolutions on h itself, and each tap's result is then enlarged and shifted in one product a side: where
h has an eighth of the image's side, a thirtieth of the work, and no tensor of all of h's channels at the image's size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, pad


class EnlargedConv2d(nn.Conv2d):
    """A square convolution of stride 1 without bias whose result has ``side`` pixels a side, whatever it is given."""

    def __init__(self, channels: int, out: int, kernel: int, side: int) -> None:
        super().__init__(channels, out, kernel, padding=kernel // 2, bias=False)
        self.side = side

    def forward(self, h: Tensor) -> Tensor:
        """Return the convolution of ``h (n, c, a, b)`` at ``side`` (bilinear, corners aligned), in fp32 at least."""
        taps = self.kernel_size[0]
        flat = self.weight.permute(2, 3, 0, 1).reshape(-1, self.in_channels, 1, 1)  # a row, a column, a channel
        met = conv2d(h, flat).unflatten(1, (taps, taps, -1))  # n, row, column, out, a, b
        met = met.to(torch.promote_types(met.dtype, torch.float32))
        with torch.autocast(h.device.type, enabled=False):
            down, across = (shifted(side, self.side, taps, h.device).to(met.dtype) for side in h.shape[-2:])
            wide = torch.einsum("nyxoab,xqb->nyoaq", met, across)
            return torch.einsum("nyoaq,ypa->nopq", wide, down)


def shifted(short: int, long: int, taps: int, device: torch.device) -> Tensor:
    """Return (taps, long, short): what each pixel of the longer side, and its neighbours, have of the shorter's.

    The middle tap is the enlargement; the others are it, moved by a pixel each, with nought from beyond the edge.
    """
    unit = torch.eye(short, device=device)[None]  # a channel for each short pixel
    enlarged = interpolate(unit.unsqueeze(-1), (long, 1), mode="bilinear", align_corners=True)[0, :, :, 0].t()
    edge = taps // 2
    framed = pad(enlarged, (0, 0, edge, edge))
    return torch.stack([framed[k : k + long] for k in range(taps)])
