"""Biased-MNIST: digits on a coloured background whose colour agrees with the digit with probability rho.

Source: Bahng et al., *Learning De-biased Representations with Biased Representations* (arXiv 1910.02806). The table of
digits and colours is fixed up to rounding; the generator decides only which image gets which colour.
"""

import math

import torch
from torch import Tensor

# 225, not 255, in the fourth and fifth colour: so it was released
PALETTE = (
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (225, 225, 0),
    (225, 0, 225),
    (0, 255, 255),
    (255, 128, 0),
    (255, 0, 128),
    (128, 0, 255),
    (128, 128, 128),
)
_OTHERS = len(PALETTE) - 1


def assign_colours(digits: Tensor, rho: float, generator: torch.Generator) -> Tensor:
    """Return a colour index (n,) int64 for each digit (n,); rho = 0.1 makes the two independent.

    Per digit: of its n images, shuffled, the first int(n rho) get the digit's own colour; the rest is cut into blocks
    of ceil(rest / 9), one for each other colour in shuffled order. The generator lives on the CPU, so that a colouring
    does not depend on the device. Raises ValueError for a rho outside [0, 1] and for what is no digit.
    """
    if not 0.0 <= rho <= 1.0:
        raise ValueError(f"rho is a share between 0 and 1; got {rho}")
    if digits.ndim != 1 or (len(digits) and not 0 <= int(digits.min()) <= int(digits.max()) <= _OTHERS):
        raise ValueError("digits is a vector of whole numbers from 0 to 9")
    wanted = digits.cpu()
    colours = torch.empty_like(wanted, dtype=torch.int64)
    for digit in range(len(PALETTE)):
        rows = torch.nonzero(wanted == digit).flatten()
        rows = rows[torch.randperm(len(rows), generator=generator)]
        own = int(len(rows) * rho)
        others = torch.tensor([c for c in range(len(PALETTE)) if c != digit])
        others = others[torch.randperm(_OTHERS, generator=generator)]
        block = max(1, math.ceil((len(rows) - own) / _OTHERS))
        colours[rows[:own]] = digit
        colours[rows[own:]] = others[torch.arange(len(rows) - own) // block]
    return colours.to(digits.device)


def colour_images(images: Tensor, colours: Tensor) -> Tensor:
    """Return images (n, 3, h, w) uint8: every grey value above 0 is white stroke, every 0 the colour of its image.

    ``images`` is (n, h, w) or (n, 1, h, w) uint8, ``colours`` (n,) an index into PALETTE. Raises ValueError
    where they do not fit each other.
    """
    grey = images if images.ndim == 4 else images.unsqueeze(1)
    if grey.ndim != 4 or grey.shape[1] != 1 or len(colours) != len(grey):
        raise ValueError(f"one grey image per colour is needed; got {tuple(images.shape)} and {tuple(colours.shape)}")
    palette = torch.tensor(PALETTE, dtype=torch.uint8, device=grey.device)
    background = palette[colours.to(grey.device)][:, :, None, None]
    return torch.where(grey > 0, torch.full_like(background, 255), background)
