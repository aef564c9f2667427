"""CIFAR-10: 50,000 + 10,000 pictures in ten classes, 32x32 RGB (Krizhevsky, 2009).

Three equivalent layouts: the six official batches, the official archive, and strips, in which each batch is a zip of
lossless pictures with the official bytes before and after the pixels. Whatever the layout, a batch is taken apart only
after its MD5 is the official one.
"""

import hashlib
import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.archives import open_zip, read_member, read_tar_members
from common.data.caching import Sink
from common.data.decoded import consecutive_splits, read_strips, store_labels
from common.data.errors import DataError, WrongFileError
from common.data.fetch import Located
from common.data.framing import Framing

CLASSES = {"class": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")}
OFFICIAL_MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
_ARCHIVE = "cifar-10-python.tar.gz"


def decode(found: Located, sink: Sink, framing: Framing) -> None:
    """Store images (60000, 3, 32, 32), the class of each, and the official split."""
    members = {}
    if found.layout == "archive":
        names = [f"cifar-10-batches-py/{batch}" for batch in OFFICIAL_MD5]
        members = read_tar_members(found.files[_ARCHIVE], names)
    parts = [unpack_batch(batch, batch_bytes(batch, found, members)) for batch in OFFICIAL_MD5]
    images = np.concatenate([images for images, _ in parts])
    sink.put("images", framing.apply_all(images))
    sizes = {"train": sum(len(labels) for _, labels in parts[:-1]), "test": len(parts[-1][1])}
    store_labels(sink, np.concatenate([labels for _, labels in parts]), consecutive_splits(sizes))


def batch_bytes(batch: str, found: Located, members: dict[str, bytes]) -> bytes:
    """Return the official bytes of one batch from whichever layout is at hand."""
    if found.layout == "batches":
        return found.files[batch].read_bytes()
    if found.layout == "archive":
        return members[f"cifar-10-batches-py/{batch}"]
    path = found.files[f"{batch}.webp.zip"]
    with open_zip(path) as archive:
        head, tail = read_member(archive, "head.bin"), read_member(archive, "tail.bin")
    return head + read_strips(path).tobytes() + tail


def unpack_batch(batch: str, content: bytes) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return images (n, 3, 32, 32) and labels (n,) of one official batch, after a look at its MD5.

    Raises WrongFileError where that is another one.
    """
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != OFFICIAL_MD5[batch]:
        raise WrongFileError(
            f"cifar10: {batch} has md5 {found}, expected {OFFICIAL_MD5[batch]}: remove it and fetch it again"
        )
    batch_dict = _PlainUnpickler(io.BytesIO(content), encoding="latin1").load()
    return batch_dict["data"].reshape(-1, 3, 32, 32), np.asarray(batch_dict["labels"], dtype=np.int64)


class _PlainUnpickler(pickle.Unpickler):
    """Builds NumPy arrays and plain containers, and refuses anything else that a pickle may name."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the three names an array needs."""
        if (module, name) not in _ARRAY_NAMES:
            raise DataError(f"cifar10: the batch asks for {module}.{name}, which no array needs; refused")
        return _ARRAY_NAMES[module, name]


def _empty_array(kind: type, shape: tuple[int, ...], code: bytes | str) -> NDArray:
    """Stand in for NumPy's private constructor: the pickle fills the array's state in afterwards."""
    del kind
    return np.ndarray.__new__(np.ndarray, shape, np.dtype(code if isinstance(code, str) else code.decode()))


_ARRAY_NAMES = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
}
