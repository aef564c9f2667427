"""The common form of a decoded image set in the cache: images, a label matrix, groups, one array per split."""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from common.data.archives import open_zip, read_member
from common.data.caching import Sink
from common.data.errors import DataError
from common.data.framing import Framing

# what Pillow raises for a file that is broken, or meant to break its reader
_UNREADABLE = (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError, TypeError)
_STRIP_SIDE = 32
_CHUNK = 512  # pictures in memory at once, compressed


def store_labels(
    sink: Sink,
    labels: NDArray,
    splits: Mapping[str, NDArray],
    groups: NDArray | None = None,
) -> None:
    """Store the label matrix (n, k), the row numbers of each split, and the groups (n,) if there are any."""
    sink.put("labels", np.asarray(labels, dtype=np.int64).reshape(len(labels), -1))
    for split, rows in splits.items():
        sink.put(f"split-{split}", np.asarray(rows, dtype=np.int64))
    if groups is not None:
        sink.put("groups", np.asarray(groups, dtype=np.int64))


def consecutive_splits(sizes: Mapping[str, int]) -> dict[str, NDArray[np.int64]]:
    """Return the row numbers of parts that follow one another."""
    ends = np.cumsum(list(sizes.values()))
    return {name: np.arange(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)}


def read_strips(path: Path) -> NDArray[np.uint8]:
    """Return the images (n, 3, 32, 32) of a zip of lossless WebP strips, 32 pixels wide, one image below another.

    Raises DataError for another file.
    """
    with open_zip(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".webp"))
        strips = [open_picture(read_member(archive, name), f"{path}:{name}") for name in names]
    if not strips or any(s.width != _STRIP_SIDE or s.height % _STRIP_SIDE for s in strips):
        raise DataError(f"{path}: not a zip of 32-pixel strips; remove it and fetch it again")
    pixels = [np.asarray(s).reshape(-1, _STRIP_SIDE, _STRIP_SIDE, 3).transpose(0, 3, 1, 2) for s in strips]
    return np.concatenate(pixels)


def open_picture(content: bytes, where: str) -> Image.Image:
    """Decode one RGB picture; the error says which member of which archive is broken."""
    try:
        picture = Image.open(io.BytesIO(content))
        return picture.convert("RGB")
    except _UNREADABLE as problem:
        raise DataError(f"{where}: not a readable picture ({problem}); fetch the archive again") from problem


def store_pictures(
    sink: Sink,
    framing: Framing,
    count: int,
    blobs: Iterable[tuple[str, bytes]],
) -> None:
    """Decode count pictures (where, bytes) into the array "images" (n, 3, h, w), all of one size, with progress.

    Raises DataError where there are more or fewer, or one is of another size.
    """
    images: NDArray | None = None
    row, blobs = 0, iter(blobs)
    with ThreadPoolExecutor(max_workers=8) as pool, tqdm(total=count, desc="decoding", disable=None) as progress:
        while chunk := list(islice(blobs, _CHUNK)):
            for (where, _), pixels in zip(chunk, pool.map(_decoder(framing), chunk), strict=True):
                if images is None:
                    images = sink.create("images", (count, *pixels.shape), np.uint8)
                if pixels.shape != images.shape[1:]:
                    raise DataError(f"{where}: {pixels.shape} pixels where {images.shape[1:]} were expected")
                images[row] = pixels
                row += 1
            progress.update(len(chunk))
    if row != count:
        raise DataError(f"{count} pictures expected, {row} found")


def zip_blobs(path: Path, members: Sequence[str]) -> Iterable[tuple[str, bytes]]:
    """Yield (where, bytes) of the members of a zip in the order asked."""
    with open_zip(path) as archive:
        for member in members:
            yield f"{path}:{member}", read_member(archive, member)


def _decoder(framing: Framing) -> Callable[[tuple[str, bytes]], NDArray[np.uint8]]:
    return lambda blob: framing.apply(open_picture(blob[1], blob[0]))
