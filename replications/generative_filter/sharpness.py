"""How sharp pictures are: claim GF-C11 says that the blur of filtered faces is the VAE's."""

from __future__ import annotations

from torch import Tensor


def sharpness(images: Tensor) -> float:
    """Return the mean squared step between neighbouring pixels of images (n, c, h, w) in [0, 1]: gradient energy.

    A blurred picture has less, one grey none.
    """
    across, down = images.diff(dim=-1), images.diff(dim=-2)
    return float((across.square().mean() + down.square().mean()) / 2)
