"""CelebA: aligned faces with 40 attributes and identities (Liu et al., 2015, arXiv 1411.7766).

The whole set (202,599 images of 178x218) keeps its official partition; the subset of 10,000 lies in the official
train partition entirely and is split by identity instead.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.data.caching import Sink
from common.data.decoded import store_labels, store_pictures, zip_blobs
from common.data.errors import DataError
from common.data.fetch import Located
from common.data.framing import Framing
from common.data.splits import Splits, split_by_group

ATTRIBUTES = tuple(
    """5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair
    Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male
    Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks
    Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace
    Wearing_Necktie Young""".split()  # noqa: SIM905 - one name a line would fill a page
)
CLASSES = dict.fromkeys(ATTRIBUTES, ("no", "yes"))
SUBSET_SHARES = {"train": 0.8, "valid": 0.1, "test": 0.1}
_PARTITION = {"train": 0, "valid": 1, "test": 2}


def decode(found: Located, sink: Sink, framing: Framing) -> None:
    """Store images (n, 3, h, w), the 40 attributes as 0/1, the identities and the split."""
    names, attributes = read_attributes(found.files["list_attr_celeba.txt"])
    identities = _read_column(found.files["identity_CelebA.txt"], names)
    partition = _read_column(found.files["list_eval_partition.txt"], names)
    members = [f"img_align_celeba/{name}" for name in names]
    store_pictures(sink, framing, len(names), zip_blobs(found.files["img_align_celeba.zip"], members))
    store_labels(sink, attributes, split_faces(partition, identities), identities)


def split_faces(partition: NDArray[np.int64], identities: NDArray[np.int64]) -> Splits:
    """Return the official partition (n,) where it has all three parts, else a split by identity (n,) from seed 0."""
    parts = {split: np.flatnonzero(partition == code) for split, code in _PARTITION.items()}
    return parts if all(map(len, parts.values())) else split_by_group(identities, SUBSET_SHARES, seed=0)


def read_attributes(path: Path) -> tuple[list[str], NDArray[np.int64]]:
    """Return the image names and their attributes (n, 40) as 0/1; raises DataError for another list."""
    words = path.read_text().split()
    width = len(ATTRIBUTES) + 1
    if tuple(words[1:width]) != ATTRIBUTES or len(words) != width + int(words[0]) * width:
        raise DataError(f"{path}: not a list of the 40 CelebA attributes; fetch it again")
    rows = np.asarray(words[width:], dtype=object).reshape(-1, width)
    values = rows[:, 1:].astype(np.int64)
    if not np.isin(values, (-1, 1)).all():
        raise DataError(f"{path}: an attribute is neither -1 nor 1; fetch it again")
    return rows[:, 0].tolist(), (values + 1) // 2


def _read_column(path: Path, names: list[str]) -> NDArray[np.int64]:
    """Return the numbers of a list of ``image number`` lines that names the same images in the same order."""
    words = path.read_text().split()
    if words[::2] != names:
        raise DataError(f"{path}: names other images than the attribute list does; fetch both again")
    return np.asarray(words[1::2], dtype=np.int64)
