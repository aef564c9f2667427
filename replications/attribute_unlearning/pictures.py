"""Figures 3 and 4: pictures from records, in rows as the paper shows them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from common.plotting import figure, finish
from common.results import Record
from common.results.select import ended_well, of

Pictures = list[NDArray[np.float64]]
GENDER = {"Male": " (gender)"}  # CelebA's name for it


def series(record: Record, name: str, channels: int = 3) -> Pictures:
    """Return the pictures ``name_0``, ``name_1`` … of a record, (side, side, channels), as they were stored."""
    found = []
    while f"{name}_{len(found)}" in record.series:
        flat = np.array(record.series[f"{name}_{len(found)}"], dtype=float)
        side = round((len(flat) / channels) ** 0.5)
        found.append(flat.reshape(channels, side, side).transpose(1, 2, 0))
    return found


def strip(axes: Axes, pictures: Pictures, label: str) -> None:
    """Draw pictures (values 0 to 255) in a row, with a label on its left."""
    axes.imshow(np.concatenate(pictures, axis=1) / 255, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_ylabel(label, fontsize=7, rotation=0, ha="right", va="center")


def stacked(rows: int, columns: int) -> tuple[Figure, list[Axes]]:
    """Return a figure with one wide axes per row."""
    fig, (first,) = figure(1, width=1.1 * columns + 1.4, height=1.15 * rows + 0.6)
    first.remove()
    return fig, list(np.atleast_1d(fig.subplots(rows, 1)))


def gradcam_figure(records: Sequence[Record], title: str) -> Figure:
    """Draw Figure 3: images, the attention that Grad-CAM shows for their attribute, and what is left of them.

    Of the lowest seed that ended well; without one there is a KeyError.
    """
    runs = ended_well(records)
    if not runs:
        raise KeyError("removed_0: no run ended well")
    record = min(runs, key=lambda r: r.seed)
    images, cams, left = series(record, "image"), series(record, "cam", 1), series(record, "removed")
    warm = np.array([255.0, 0.0, 0.0])
    over = [image * (1 - 0.6 * cam) + warm * 0.6 * cam for image, cam in zip(images, cams, strict=True)]
    fig, axes = stacked(3, len(images))
    for ax, pictures, label in zip(axes, (images, over, left), ("input", "Grad-CAM", "removed"), strict=True):
        strip(ax, pictures, label)
    name, right = record.params["attribute"], record.metrics["attribute_accuracy"]
    note = f"red: evidence for the image's own attribute ({name}); its classifier is right in {100 * right:.0f} %"
    return finish(fig, title, [record], note)


def reconstruction_figure(records: Sequence[Record], title: str) -> Figure:
    """Draw Figure 4: images, and what a decoder rebuilds from h before and after unlearning, with the mean PSNR.

    Of the lowest seed that ended well both times (another one has other images); without one there is a KeyError. The
    records of the networks themselves (celeba) say what was trained, and on pictures of which size.
    """
    runs = {v: {r.seed: r for r in ended_well(of(records, "reconstruction", v))} for v in ("before", "unlearn")}
    both = runs["before"].keys() & runs["unlearn"].keys()
    if not both:
        raise KeyError("rebuilt_0: no seed ended well both before and after unlearning")
    by = {variant: found[min(both)] for variant, found in runs.items()}
    rows = {"input": series(by["before"], "image")}
    for variant, label in {"before": "before", "unlearn": "after"}.items():
        rows[f"{label}\n{by[variant].metrics['psnr']:.1f} dB"] = series(by[variant], "rebuilt")
    fig, axes = stacked(3, len(rows["input"]))
    for ax, (label, pictures) in zip(axes, rows.items(), strict=True):
        strip(ax, pictures, label)
    notes = "rows as in the paper: input, before, after", "PSNR: mean over the test images"
    return finish(fig, title, list(by.values()), trained_as(of(records, "celeba", "unlearn")), *notes)


def trained_as(trainings: Sequence[Record]) -> str:
    """Return what was kept and what unlearnt, by which network, at which size and for how long; all seeds are alike."""
    if not trainings:
        raise KeyError("celeba/unlearn: what was trained")
    p = trainings[0].params
    network = f"ResNet-{p['depths'][0]}, {p['side']}x{p['side']}, {p['epochs']} epochs"
    return f"{network}, task {p['task']}, unlearnt attribute {p['attribute']}{GENDER.get(p['attribute'], '')}"
