"""FairFace: faces with age, gender and race, margin 0.25 (Kärkkäinen & Joo, 2021, arXiv 1908.04913)."""

import numpy as np
import pandas as pd

from common.data.caching import Sink
from common.data.decoded import consecutive_splits, store_labels, store_pictures, zip_blobs
from common.data.errors import DataError
from common.data.fetch import Located
from common.data.framing import Framing

CLASSES = {
    "age": ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70"),
    "gender": ("Male", "Female"),
    "race": ("White", "Black", "Latino_Hispanic", "East Asian", "Southeast Asian", "Indian", "Middle Eastern"),
}


def decode(found: Located, sink: Sink, framing: Framing) -> None:
    """Store images (n, 3, h, w), age, gender and race as class numbers, and the official train / val split.

    Raises DataError where a label file lacks a column or names an unknown class.
    """
    frames = {split: pd.read_csv(found.files[f"fairface_label_{split}.csv"]) for split in ("train", "val")}
    frame = pd.concat(frames.values(), ignore_index=True)
    missing = [column for column in ("file", *CLASSES) if column not in frame]
    if missing:
        raise DataError(f"{found.name}: the label files have no column {missing[0]!r}; fetch them again")
    numbers = {label: {name: k for k, name in enumerate(names)} for label, names in CLASSES.items()}
    columns = [frame[label].map(numbers[label]).fillna(-1).astype(np.int64) for label in CLASSES]
    labels = np.stack(columns, axis=1)
    if labels.min() < 0:
        row = int(np.argmax((labels < 0).any(axis=1)))
        raise DataError(f"{found.name}: row {row} of the label files names an unknown class; fetch them again")
    archive = next(path for name, path in found.files.items() if name.endswith(".zip"))
    store_pictures(sink, framing, len(frame), zip_blobs(archive, frame["file"].tolist()))
    store_labels(sink, labels, consecutive_splits({split: len(part) for split, part in frames.items()}))
