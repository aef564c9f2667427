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
REBUILT = {"before": "before", "unlearn": "after", "infopro": "λ3 = 0"}


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
    axes.imshow(np.concatenate(pictures, axis=1).clip(0, 255) / 255, interpolation="nearest")
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
    name, m = record.params["attribute"], record.metrics
    note = f"red: evidence for the image's own attribute ({name}); its classifier is right in "
    note += f"{100 * m['attribute_accuracy']:.0f} %"
    area = f"maps of {m['map_side']:.0f}x{m['map_side']:.0f} places; {100 * m['removed']:.0f} % of the pixels removed, "
    area += f"of {100 * record.params['share']:.0f} % at most"
    return finish(fig, title, [record], note, area, trained_as([record]))


def reconstruction_figure(records: Sequence[Record], title: str) -> Figure:
    """Draw Figure 4: images, and what a decoder rebuilds from h before and after unlearning, with the mean PSNR.

    Of the lowest seed that ended well both times (another one has other images); without one there is a KeyError. A
    fourth row is our control, the same loss without the attribute's term, where it ended well with that seed. The
    records of the networks themselves (celeba) say what was trained, and on pictures of which size.
    """
    runs = {v: {r.seed: r for r in ended_well(of(records, "reconstruction", v))} for v in REBUILT}
    both = runs["before"].keys() & runs["unlearn"].keys()
    if not both:
        raise KeyError("rebuilt_0: no seed ended well both before and after unlearning")
    by = {variant: found[min(both)] for variant, found in runs.items() if min(both) in found}
    rows = {"input": series(by["before"], "image")}
    for variant, record in by.items():
        m = record.metrics
        inside = f"\n{m['psnr_inside']:.1f} dB inside" if "psnr_inside" in m else ""
        rows[f"{REBUILT[variant]}\n{m['psnr']:.1f} dB{inside}"] = series(record, "rebuilt")
    fig, axes = stacked(len(rows), len(rows["input"]))
    for ax, (label, pictures) in zip(axes, rows.items(), strict=True):
        strip(ax, pictures, label)
    notes = ["rows as in the paper: input, before, after" + "; then λ3 = 0, the control" * ("infopro" in by)]
    notes.append("PSNR: mean over the test images; inside: in the area that Grad-CAM names for the attribute")
    return finish(fig, title, list(by.values()), trained_as(of(records, "celeba", "unlearn")), *notes)


def trained_as(trainings: Sequence[Record]) -> str:
    """Return what was kept and what hidden, by which network, at which size, on how many images and for how long.

    All seeds are alike.
    """
    if not trainings:
        raise KeyError("celeba/unlearn: what was trained")
    first, p = trainings[0], trainings[0].params
    images = int(first.metrics.get("train_images", p["train_images"]))  # a set may have fewer than are asked for
    epochs = f"{p['epochs']} epoch{'s' * (p['epochs'] > 1)}"
    network = f"ResNet-{p['depths'][0]}, {images:,} images of {p['side']}x{p['side']}, {epochs}"
    hidden = "unlearnt attribute" if p["method"] == "unlearn" else "attribute"
    return f"{network}, task {p['task']}, {hidden} {p['attribute']}{GENDER.get(p['attribute'], '')}"
