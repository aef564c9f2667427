"""Peers at their own default settings, each as a function of a sample (needs ``benchmarks/requirements.txt``)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Estimate = Callable[[np.ndarray, np.ndarray], float]


def load_peers() -> dict[str, Estimate]:
    """Return the peers by name; every call makes a fresh estimator."""
    import bmi.estimators as bmi

    made = {
        "InfoNCE (benchmark-mi)": lambda: bmi.InfoNCEEstimator(verbose=False),
        "Donsker-Varadhan (benchmark-mi)": lambda: bmi.DonskerVaradhanEstimator(verbose=False),
        "NWJ (benchmark-mi)": lambda: bmi.NWJEstimator(verbose=False),
        "MINE (benchmark-mi)": lambda: bmi.MINEEstimator(verbose=False),
        "KSG (benchmark-mi)": lambda: bmi.KSGEnsembleFirstEstimator(neighborhoods=(10,)),
        "CCA (benchmark-mi)": bmi.CCAMutualInformationEstimator,
    }
    peers: dict[str, Estimate] = {name: _call(make) for name, make in made.items()}
    return peers | {"SMILE (torch-mist)": _mist_smile, "KSG (scikit-learn, 1-d x 1-d)": _sklearn_ksg}


def _call(make: Callable[[], object]) -> Estimate:
    return lambda x, y: float(make().estimate(x, y))  # type: ignore[attr-defined]


def _mist_smile(x: np.ndarray, y: np.ndarray) -> float:
    import torch
    from torch_mist import estimate_mi

    torch.manual_seed(0)
    data = {name: _unit_columns(v).astype(np.float32) for name, v in (("x", x), ("y", y))}
    value = estimate_mi(data=data, estimator="smile", hidden_dims=[128], neg_samples=16, verbose=False)
    return float(value[0] if isinstance(value, tuple) else value)


def _unit_columns(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(0)) / values.std(0)


def _sklearn_ksg(x: np.ndarray, y: np.ndarray) -> float:
    from sklearn.feature_selection import mutual_info_regression

    if x.shape[1] > 1 or y.shape[1] > 1:
        return float("nan")  # its interface takes single columns
    return float(mutual_info_regression(x, y[:, 0], n_neighbors=3, random_state=0)[0])
