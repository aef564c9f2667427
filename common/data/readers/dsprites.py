"""dSprites as released: one .npz with 737,280 binary images and their factor indices (Matthey et al., 2017)."""

import contextlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from common.data import dsprites
from common.data.archives import open_member, open_zip, read_member
from common.data.caching import Sink
from common.data.errors import DataError
from common.data.fetch import Located
from common.data.framing import Framing

CLASSES = {
    "shape": dsprites.SHAPES,
    **{name: tuple(map(str, range(size))) for name, size in zip(dsprites.FACTORS[2:], dsprites.SIZES[2:], strict=True)},
}
_CHUNK = 8192  # images unpacked at once: the whole is 3 GB


def decode(found: Located, sink: Sink, framing: Framing) -> None:
    """Store the images packed (n, 512); their factors follow from the row, which is checked.

    Raises DataError where they do not, and for any framing: the packed images are of one size.
    """
    if framing != Framing():
        raise DataError("dsprites: kept eight pixels to a byte at 64x64; resize batches on the device")
    (path,) = found.files.values()
    with _explained(path), open_zip(path) as archive:
        classes = _array(archive, "latents_classes.npy")
        if not np.array_equal(classes, dsprites.factors_of(np.arange(len(classes)))):
            raise DataError(f"{path}: the factors are not in the published order")
        with open_member(archive, "imgs.npy") as handle:
            shape = _header(handle, str(path))
            if shape != (len(classes), dsprites.SIDE, dsprites.SIDE):
                raise DataError(f"{path}: {shape} images where ({len(classes)}, 64, 64) were expected")
            packed = sink.create("images", (shape[0], dsprites.SIDE**2 // 8), np.uint8)
            for start in range(0, shape[0], _CHUNK):
                stop = min(start + _CHUNK, shape[0])
                content = handle.read((stop - start) * dsprites.SIDE**2)
                pixels = np.frombuffer(content, np.uint8).reshape(-1, dsprites.SIDE, dsprites.SIDE)
                packed[start:stop] = dsprites.pack(pixels)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn NumPy's refusals (pickled objects, a header that is none, too few bytes) into one line."""
    try:
        yield
    except ValueError as problem:
        said = " ".join(str(problem).split())
        raise DataError(f"{path}: not the arrays expected ({said}); remove it and fetch it again") from problem


def _array(archive: zipfile.ZipFile, member: str) -> NDArray:
    return np.load(io.BytesIO(read_member(archive, member)), allow_pickle=False)


def _header(handle: IO[bytes], where: str) -> tuple[int, ...]:
    """Read past the header of an .npy stream and return the shape of the bytes that follow."""
    version = np.lib.format.read_magic(handle)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(handle)
    if dtype != np.uint8 or fortran:
        raise DataError(f"{where}: the images are not rows of bytes")
    return shape
