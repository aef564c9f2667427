"""The estimators by name.

Each is imported only when asked for, by name, which static readers of imports (the code fingerprint) do not see. Code
whose results are stored therefore imports the class it uses from its own module, and depends on that one alone.
"""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module
from typing import Any

from common.estimators.base import Estimator

CLASSES = {
    "auto": ("auto", "Auto"),
    "classifier": ("classifier", "Classifier"),
    "club": ("club", "CLUB"),
    "discrete": ("discrete", "Discrete"),
    "distance_correlation": ("distance_correlation", "DistanceCorrelation"),
    "donsker_varadhan": ("donsker_varadhan", "DonskerVaradhan"),
    "gaussian": ("gaussian", "Gaussian"),
    "hsic": ("hsic", "HSIC"),
    "infonce": ("infonce", "InfoNCE"),
    "interpolated": ("interpolated", "Interpolated"),
    "js": ("js", "JensenShannon"),
    "ksg": ("ksg", "KSG"),
    "lnc": ("lnc", "LNC"),
    "mine": ("mine", "MINE"),
    "mixed_ksg": ("mixed_ksg", "MixedKSG"),
    "nwj": ("nwj", "NWJ"),
    "pearson": ("pearson", "Pearson"),
    "remine": ("remine", "ReMINE"),
    "renyi": ("renyi", "Renyi"),
    "sliced": ("sliced", "Sliced"),
    "smile": ("smile", "SMILE"),
    "t_copula": ("copula", "TCopula"),
    "total_correlation": ("total_correlation", "TotalCorrelation"),
    "tuba": ("tuba", "TUBA"),
}


def names() -> tuple[str, ...]:
    """Return the names that :func:`create` knows, in alphabetical order."""
    return tuple(sorted(CLASSES))


def estimator_class(name: str) -> type[Estimator]:
    """Return the class behind a name; raise ValueError that lists the names for an unknown one."""
    if name not in CLASSES:
        raise ValueError(f"no estimator {name!r}; there are {', '.join(names())}")
    module, attribute = CLASSES[name]
    return getattr(import_module(f"common.estimators.{module}"), attribute)


def create(name: str, **parameters: Any) -> Estimator:
    """Return an estimator by name with the given hyper-parameters; raise ValueError for one it does not have."""
    kind = estimator_class(name)
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # every estimator is a dataclass
    unknown = set(parameters) - set(known)
    if unknown:
        raise ValueError(f"{name} has no parameter {', '.join(sorted(unknown))}; it has {', '.join(known)}")
    return kind(**parameters)
