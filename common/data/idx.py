"""The IDX format of the MNIST files: a magic number, big-endian sizes, unsigned bytes."""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.data.archives import read_gzip
from common.data.errors import DataError

_UNSIGNED_BYTES = 0x08


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array of one gzipped IDX file of unsigned bytes; raises DataError for another file or a cut one."""
    content = read_gzip(path)
    zeros, kind, rank = struct.unpack(">HBB", content[:4].ljust(4, b"\0"))
    if zeros or kind != _UNSIGNED_BYTES or not rank or len(content) < 4 + 4 * rank:
        raise DataError(f"{path}: not an IDX file of unsigned bytes; remove it and fetch it again")
    shape = struct.unpack(f">{rank}I", content[4 : 4 + 4 * rank])
    pixels = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
    if pixels.size != np.prod(shape):
        raise DataError(f"{path}: announces {shape} bytes and holds {pixels.size}; remove it and fetch it again")
    return pixels.reshape(shape)
