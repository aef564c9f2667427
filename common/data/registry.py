"""The registry of data sets (data/registry.yaml): where each comes from, its files and their checksums."""

from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from common.data.errors import DataError
from common.results.plain_yaml import YamlError, parse_yaml


def _stays_inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or "\\" in path or ".." in parts:
        raise ValueError(f"{path!r} must be a relative path that stays inside its folder")
    return path


InsidePath = Annotated[str, AfterValidator(_stays_inside)]
Reader = Literal[
    "adult", "celeba", "cifar10", "communities", "dsprites", "fairface", "mnist", "mnist_m", "stl10", "us_census"
]
Standin = Literal["digits", "coloured-digits", "celeb-faces", "fair-faces", "posed-faces", "objects", "table"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class File(_Strict):
    """One file of a set; without any checksum it can be dropped by hand only, and is called unverified."""

    path: InsidePath
    bytes: int | None = Field(default=None, gt=0)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    md5: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")
    urls: tuple[str, ...] = ()
    required: bool = True

    @property
    def verifiable(self) -> bool:
        """Whether a checksum of this file is known."""
        return self.sha256 is not None or self.md5 is not None

    @model_validator(mode="after")
    def _download_needs_checksum(self) -> "File":
        if self.urls and not self.verifiable:
            raise ValueError(f"{self.path}: a file that is downloaded needs a checksum")
        if any(not url.startswith(("http://", "https://")) for url in self.urls):
            raise ValueError(f"{self.path}: urls start with http:// or https://")
        return self


class Entry(_Strict):
    """One data set: its files (in one or more equivalent layouts), licence, home and stand-in."""

    title: str
    kind: Literal["full", "subset"]
    parent: str | None = None
    items: int = Field(gt=0)
    licence: str
    home: str
    mirrors: tuple[InsidePath, ...] = ()
    reader: Reader | None = None
    standin: Standin | None = None
    generated: bool = False
    layouts: dict[str, tuple[File, ...]] = {}

    @model_validator(mode="after")
    def _consistent(self) -> "Entry":
        if (self.kind == "subset") != (self.parent is not None):
            raise ValueError("a subset names its parent, and only a subset does")
        if bool(self.layouts) != (self.reader is not None):
            raise ValueError("a set with files names its reader, and only such a set does")
        for layout, files in self.layouts.items():
            if len({f.path for f in files}) != len(files) or not any(f.required for f in files):
                raise ValueError(f"layout {layout}: paths are distinct and at least one file is required")
        return self


class Registry(_Strict):
    """Every set by name."""

    version: Literal[1]
    sets: dict[str, Entry]

    @model_validator(mode="after")
    def _parents_exist(self) -> "Registry":
        for name, entry in self.sets.items():
            if entry.parent is not None and entry.parent not in self.sets:
                raise ValueError(f"{name}: parent {entry.parent!r} is not in the registry")
        return self

    def entry(self, name: str) -> Entry:
        """Return the set called name; an unknown name is an error that lists the known ones."""
        if name not in self.sets:
            raise DataError(f"unknown data set {name!r}; known: {', '.join(sorted(self.sets))}")
        return self.sets[name]

    def subsets(self, name: str) -> tuple[str, ...]:
        """Return the registered subsets of a set, in the order of the registry."""
        return tuple(other for other, entry in self.sets.items() if entry.parent == name)

    def relatives(self, name: str) -> tuple[str, ...]:
        """Return the parent and the subsets of a set: the ones whose files may bear the same names."""
        parent = self.entry(name).parent
        return (*self.subsets(name), *((parent,) if parent else ()))


def read_registry(path: Path) -> Registry:
    """Read and validate a registry file; the error says which key is wrong."""
    try:
        return Registry.model_validate(parse_yaml(path.read_bytes()))
    except OSError as problem:
        raise DataError(f"{path}: the registry cannot be read ({problem.strerror})") from problem
    except YamlError as problem:
        raise DataError(f"{path}: not valid YAML: {problem}") from problem
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole file"
        raise DataError(f"{path}: {where}: {first['msg']}") from problem


@cache
def default_registry() -> Registry:
    """Return the registry of this checkout."""
    return read_registry(checkout() / "data" / "registry.yaml")


def checkout() -> Path:
    """Return the root of the checkout that this package belongs to."""
    return Path(__file__).resolve().parents[2]
