"""The one door to torchvision: imports it where its compiled library loads and where it does not.

torchvision's published wheel is built against CUDA; beside a CPU-only torch its library does not load and the import
fails for want of two operators' schemas (box suppression, which nothing here uses). They are declared then, and only
then.
"""

from __future__ import annotations

import torch

_SCHEMAS = ("nms", "qnms")
_library: torch.library.Library | None = None  # a library's declarations live as long as it does

try:
    import torchvision
except RuntimeError:
    _library = torch.library.Library("torchvision", "DEF")
    for _name in _SCHEMAS:
        _library.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

from torchvision import models, transforms  # noqa: E402

__all__ = ["models", "torchvision", "transforms"]
