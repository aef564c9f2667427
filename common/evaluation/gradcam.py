"""Grad-CAM: where in an image a classifier looks for a class, and images with that area taken out.

Source: Selvaraju et al., *Grad-CAM* (arXiv:1610.02391), eqs. (1) and (2): alpha_k = mean over space of d y^c / d A^k,
map = ReLU(sum_k alpha_k A^k). Written here on two hooks' worth of code, so that the map of a network that can be
computed by hand is tested and no further library is needed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu


def gradcam(model: nn.Module, layer: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    """Return the maps (n, h, w) in [0, 1], fp32, of ``images (n, c, h, w)`` for one class each, ``classes (n,)``.

    ``model`` gives scores (n, C) and is read in eval mode; ``layer`` is the module inside it whose output
    (n, k, h', w') is A. Each map is brought to the images' size (bilinear) and divided by its own largest value; it is
    0 everywhere where nothing speaks for the class. The model's mode and the gradients of its parameters stay as they
    were. Raises ``ValueError`` for classes that do not fit, and where the layer is not used or has no height and width.
    """
    if classes.shape != images.shape[:1]:
        raise ValueError(f"{len(images)} images need one class each; got {tuple(classes.shape)}")
    found: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        # The graph starts here: what lies below is not needed. The clone keeps A from changes in place above.
        found.append(output.detach().requires_grad_())
        return found[-1].clone()

    modes = {module: module.training for module in model.modules()}
    hook = layer.register_forward_hook(keep)
    try:
        model.eval()
        with torch.enable_grad():
            scores = model(images)
    finally:
        hook.remove()
        for module, mode in modes.items():
            module.training = mode
    if not found or found[-1].ndim != 4:
        raise ValueError("the layer gives no feature map (n, k, h, w) on these images; name one that the model uses")
    if not 0 <= int(classes.min()) <= int(classes.max()) < scores.shape[1]:
        raise ValueError(f"classes lie in 0 .. {scores.shape[1] - 1}; got {int(classes.min())} .. {int(classes.max())}")
    with torch.enable_grad():
        own = scores.float().gather(1, classes[:, None]).sum()  # images do not meet in eval mode: one sum serves all
    (slope,) = torch.autograd.grad(own, found[-1])
    alpha = slope.float().mean((2, 3), keepdim=True)  # eq. (1)
    maps = relu((alpha * found[-1].detach().float()).sum(1, keepdim=True))  # eq. (2)
    maps = interpolate(maps, size=images.shape[2:], mode="bilinear", align_corners=False)[:, 0]
    largest = maps.amax((1, 2), keepdim=True)
    return torch.where(largest > 0, maps / largest.clamp_min(torch.finfo(maps.dtype).tiny), 0.0)


def remove_area(images: Tensor, cam: Tensor, share: float, fill: Tensor | float) -> Tensor:
    """Return a copy of ``images (n, c, h, w)`` whose most attended pixels are painted over with ``fill``.

    In each image it is the ``share`` (0 to 1, rounded to whole pixels) of largest ``cam (n, h, w)``; of equal pixels
    the earlier. A pixel with a map of 0 speaks for nothing and stays, so that less than the share may go. ``fill`` is
    a number or a colour (c,), in the units of the images; it is rounded where these are whole numbers. Raises
    ValueError where maps do not fit the images, and for a share outside [0, 1].
    """
    if cam.shape != (len(images), *images.shape[2:]):
        raise ValueError(f"maps {tuple(cam.shape)} do not fit images {tuple(images.shape)}")
    if not 0 <= share <= 1:
        raise ValueError(f"a share lies between 0 and 1; got {share}")
    flat = cam.flatten(1)
    order = flat.argsort(dim=1, descending=True, stable=True)[:, : round(share * flat.shape[1])]
    gone = torch.zeros_like(flat, dtype=torch.bool).scatter(1, order, value=True) & (flat > 0)
    colour = torch.as_tensor(fill, device=images.device, dtype=torch.float64)
    colour = (colour if images.is_floating_point() else colour.round()).to(images.dtype)
    return torch.where(gone.reshape(cam.shape)[:, None], colour.reshape(-1, 1, 1), images)
