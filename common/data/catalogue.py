"""The one door to data: load(name) returns the real set, its subset, or a stand-in, and says which.

Order: the set itself (data/raw, mirrors, download), its registered subsets, what is drawn by a published recipe, a
stand-in. A wrong checksum ends the search: nothing replaces a broken file in silence.
"""

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from common.data import archives, decoded, dsprites, idx, splits
from common.data import framing as framings
from common.data.caching import Cached, Sink, cached
from common.data.errors import DataError, NotAtHandError
from common.data.fetch import Finder, Located
from common.data.files import digest_bytes
from common.data.framing import Framing
from common.data.readers import celeba, cifar10, mnist, mnist_m, stl10
from common.data.readers import dsprites as released_dsprites
from common.data.registry import Entry, Registry, checkout, default_registry
from common.data.sets import ImageSet, TableSet, label_columns
from common.data.standins import portrait
from common.results.schema import Origin

if TYPE_CHECKING:
    import pandas as pd

Policy = Literal["auto", "real", "standin"]
DEFAULT_MIRRORS = ("../shared/data",)
_IMAGES = {
    "celeba": celeba,
    "cifar10": cifar10,
    "dsprites": released_dsprites,
    "mnist": mnist,
    "mnist_m": mnist_m,
    "stl10": stl10,
}
_TABLES = ("adult", "communities", "us_census")
_HELPERS = (archives, decoded, dsprites, framings, idx, portrait, splits)
log = logging.getLogger(__name__)


def names() -> tuple[str, ...]:
    """Return the names that load knows."""
    return tuple(default_registry().sets)


def load(
    name: str,
    *,
    policy: Policy = "auto",
    root: Path | None = None,
    mirrors: Sequence[str | Path] = DEFAULT_MIRRORS,
    online: bool = True,
    framing: Framing | None = None,
    registry: Registry | None = None,
) -> ImageSet | TableSet:
    """Return a data set by its name in the registry; ``.origin`` says what it is, ``.message`` in a sentence.

    ``policy``: real refuses stand-ins, standin uses nothing else, auto takes the real set where it can be had.
    ``root`` is the checkout whose data/ folder is used, ``mirrors`` are folders relative to it. ``online=False`` never
    downloads. ``framing`` brings images to a size while they are decoded. Raises DataError.
    """
    if policy not in get_args(Policy):
        raise DataError(f"data={policy!r} is none of {', '.join(get_args(Policy))}")
    registry, root = registry or default_registry(), root or checkout()
    job = _Job(name, registry.entry(name), root, framing or Framing())
    if policy == "standin":
        found = _replace(job, "as data=standin asks")
    else:
        found = _load_real(job, policy, Finder(registry, root, mirrors, online))
    if found.message:
        log.warning(found.message)
    return found


@dataclass(frozen=True)
class _Job:
    name: str
    entry: Entry
    root: Path
    framing: Framing


def _load_real(job: _Job, policy: Policy, finder: Finder) -> ImageSet | TableSet:
    """Return the set or its first subset at hand; failing both, what the policy allows instead."""
    reasons = []
    for name in (job.name, *finder.registry.subsets(job.name)):
        try:
            located = finder.locate(name)
        except NotAtHandError as problem:
            reasons.append(str(problem))
            continue
        entry = finder.registry.entry(name)
        message = "" if name == job.name else f"{reasons[0]}. Using its subset {name} ({entry.items} items)"
        return _read(_Job(name, entry, job.root, job.framing), located, message)
    if job.entry.generated:
        return _generate(job)
    if policy == "real":
        raise DataError(f"{reasons[0]}; data=real refuses a stand-in")
    return _replace(job, reasons[0])


def _read(job: _Job, located: Located, message: str) -> ImageSet | TableSet:
    """Decode located files, or open what an earlier run decoded from the same files with the same code."""
    origin = Origin(name=job.name, kind="real", subset=job.entry.kind == "subset", sha256=located.digest)
    if not located.verified:
        message = f"{message} {job.name}: used unverified, for no checksum of it is known".strip()
    if job.entry.reader in _TABLES:
        table = _table_reader(job.entry.reader)
        return TableSet(origin, message, *_named(table, *table.read(located)))
    reader = _image_reader(job.entry.reader)
    key = f"{located.digest} {located.layout} {job.framing.tag} {_code(reader)}"
    build = partial(reader.decode, located, framing=job.framing)
    stored = cached(job.root, job.name, key, lambda sink: build(sink=sink))
    if job.entry.reader == "dsprites":
        return _sprites(origin, message, dsprites.PackedImages(stored.arrays["images"]))
    return _image_set(origin, message, stored, reader.CLASSES)


def _image_reader(name: str) -> ModuleType:
    """Return the module that decodes a set of images; FairFace's labels are tables (see :func:`_table_reader`)."""
    if name == "fairface":
        from common.data.readers import fairface

        return fairface
    return _IMAGES[name]


def _table_reader(name: str) -> ModuleType:
    """Return the module that reads a table, imported late: pandas takes 0.4 s, which a job on images need not pay."""
    from common.data.readers import adult, communities, us_census

    return {"adult": adult, "communities": communities, "us_census": us_census}[name]


def _named(
    table: ModuleType, frame: "pd.DataFrame", rows: splits.Splits
) -> tuple["pd.DataFrame", str, tuple[str, ...], splits.Splits]:
    return frame, table.TARGET, table.SENSITIVE, rows


def _generate(job: _Job) -> ImageSet:
    """Return the set drawn by its recipe: as good as a real one, and named for what it is."""
    if job.framing != Framing():
        raise DataError(f"{job.name}: images are drawn at 64x64; resize batches on the device")
    origin = Origin(name=job.name, kind="generated", sha256=digest_bytes(dsprites.masks().tobytes()))
    return _sprites(origin, f"{job.name}: drawn by its published recipe", dsprites.DrawnImages())


def _sprites(origin: Origin, message: str, images: dsprites.DrawnImages | dsprites.PackedImages) -> ImageSet:
    factors = dsprites.factors_of(np.arange(len(images)))
    labels = {name: factors[:, k] for k, name in enumerate(dsprites.FACTORS) if name != "colour"}
    rows = {"all": np.arange(len(images))}
    return ImageSet(origin, message, images, labels, released_dsprites.CLASSES, rows)


def _replace(job: _Job, reason: str) -> ImageSet | TableSet:
    """Return the stand-in of a set; a set drawn by its recipe needs none."""
    if job.entry.generated:
        return _generate(job)
    if job.entry.standin is None:
        raise DataError(f"{job.name}: has no stand-in; {reason}")
    message = f"{job.name}: STAND-IN data ({job.entry.standin}); {reason}"
    if job.entry.standin == "table":
        from common.data.standins import tables  # pandas again

        frame, rows = tables.sample(job.entry.reader, job.name)
        digest = digest_bytes(frame.to_csv(index=False).encode())
        origin = Origin(name=job.name, kind="stand-in", sha256=digest)
        return TableSet(origin, message, *_named(_table_reader(job.entry.reader), frame, rows))
    module, draw, classes = _drawing(job)
    key = f"{job.entry.reader} {job.framing.tag} {_code(module)}"  # a set and its subset share one
    stored = cached(job.root, f"standin-{job.entry.standin}", key, lambda sink: draw(sink, job.framing))
    origin = Origin(name=job.name, kind="stand-in", sha256=stored.digest)
    return _image_set(origin, message, stored, classes)


def _drawing(job: _Job) -> tuple[ModuleType, Callable[[Sink, Framing], None], Mapping[str, tuple[str, ...]]]:
    """Return the module that draws a stand-in, the function in it, and the classes of its labels."""
    from common.data.standins import digits, faces, objects  # pandas once more, by way of FairFace's classes

    if job.entry.standin == "objects":
        classes = _image_reader(job.entry.reader).CLASSES
        seed = int(digest_bytes(job.entry.reader.encode())[:8], 16)
        return objects, partial(objects.draw, classes=classes["class"], seed=seed), classes
    return {
        "digits": (digits, digits.draw_grey, digits.CLASSES),
        "coloured-digits": (digits, digits.draw_coloured, digits.CLASSES),
        "celeb-faces": (faces, faces.draw_celebs, faces.CELEB_CLASSES),
        "fair-faces": (faces, faces.draw_fair, faces.FAIR_CLASSES),
        "posed-faces": (faces, faces.draw_posed, faces.POSED_CLASSES),
    }[job.entry.standin]


def _image_set(origin: Origin, message: str, stored: Cached, classes: Mapping[str, tuple[str, ...]]) -> ImageSet:
    arrays, mark = stored.arrays, "split-"
    rows = {name.removeprefix(mark): np.asarray(arrays[name]) for name in arrays if name.startswith(mark)}
    groups = np.asarray(arrays["groups"]) if "groups" in arrays else None
    labels = label_columns(arrays["labels"], tuple(classes))
    return ImageSet(origin, message, arrays["images"], labels, classes, rows, groups)


@cache
def _code(module: ModuleType) -> str:
    """Return a digest of the code that makes the arrays: an edited decoder never meets a stale cache."""
    return digest_bytes("".join(inspect.getsource(part) for part in (module, *_HELPERS)).encode())
