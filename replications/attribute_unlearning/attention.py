"""Where in h a fresh probe finds the attribute, from records: before, after unlearning, and for baseline 2."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from common.plotting import finish
from common.results import Record
from replications.attribute_unlearning.pictures import series, stacked, strip

ROWS = {"before": "before", "unlearn": "after", "area": "baseline 2"}
HEAT = 0.5  # how much of an overlay is the map


def attention_figure(records: Sequence[Record], title: str) -> Figure:
    """Draw the inputs, and for each network its probe's map over the images as it sees them, of the lowest seed."""
    finished = [r for r in records if r.status == "ok"]
    if not finished:
        raise KeyError("cam_before_0: no probe was fitted")
    record = min(finished, key=lambda r: r.seed)
    inputs = series(record, "image_before")
    fig, axes = stacked(1 + len(ROWS), len(inputs))
    for ax in axes:
        ax.spines[:].set_visible(False)
    strip(axes[0], inputs, "input")
    for ax, (name, label) in zip(axes[1:], ROWS.items(), strict=True):
        images, cams = series(record, f"image_{name}"), series(record, f"cam_{name}", 1)
        over = []
        for image, cam in zip(images, cams, strict=True):
            grey = image.mean(2, keepdims=True)  # so that every colour is the map's
            over.append((1 - HEAT) * grey + HEAT * 255 * colormaps["inferno"](cam[..., 0])[..., :3])
        right = np.mean([r.metrics[f"probe_{name}"] for r in finished])
        within = np.mean([r.metrics[f"inside_{name}"] for r in finished])
        strip(ax, over, f"{label}\nprobe {100 * right:.0f} %\ninside {100 * within:.0f} %")
    m, name = record.metrics, record.dataset.name
    note = (
        f"probe: linear, on equal classes of {name} (chance {100 * m['chance']:.0f} %); inside: share of the map in "
        f"the {100 * m['removed']:.0f} % of pixels that baseline 2 removes; each map is scaled to its own largest value"
    )
    return finish(fig, title, records, note)
