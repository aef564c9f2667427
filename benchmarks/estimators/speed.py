"""Seconds of single pieces against the plain way of doing the same, both in one run on one thread."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from common.models import fused
from common.training.kernel import use_where_it_pays
from common.training.machine import prepare


def best_of(function: Callable[[], object], repeats: int = 5) -> float:
    """Return the least processor seconds of some calls after one to warm up: the least disturbed one."""
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def compare() -> list[dict[str, object]]:
    """Return rows (what, ours, plain, ratio) of the nearest neighbours, the slices and the stacked critics."""
    prepare("cpu")  # the allocator as jobs have it; the plain loops profit from it too
    use_where_it_pays()  # the stacks are in bf16
    return [*_neighbours(), *_slices(), *_stacks()]


def _row(what: str, plain_name: str, ours: float, plain: float) -> dict[str, object]:
    return {"what": what, "plain": plain_name, "ours_s": ours, "plain_s": plain, "ratio": plain / ours}


def _neighbours() -> list[dict[str, object]]:
    from sklearn.feature_selection import mutual_info_regression
    from sklearn.neighbors import KDTree

    from common.estimators.ksg import KSG

    generator = np.random.default_rng(0)
    x, e = generator.normal(size=(2, 10_000, 1))
    y = 0.6 * x + 0.8 * e
    ours = best_of(lambda: KSG(workers=1).estimate(x, y))
    plain = best_of(lambda: mutual_info_regression(x, y[:, 0], n_neighbors=5, random_state=0))
    rows = [_row("KSG 1 x 1, n = 10,000", "scikit-learn", ours, plain)]
    a, e = generator.normal(size=(2, 10_000, 5))
    b = 0.6 * a + 0.8 * e

    def trees() -> None:
        joint = np.hstack([a, b])
        radius = KDTree(joint, metric="chebyshev").query(joint, k=6)[0][:, -1]
        for side in (a, b):
            KDTree(side, metric="chebyshev").query_radius(side, np.nextafter(radius, 0), count_only=True)

    ours = best_of(lambda: KSG(workers=1).estimate(a, b), 3)
    rows.append(_row("KSG 5 x 5, n = 10,000", "scikit-learn trees", ours, best_of(trees, 1)))
    return rows


def _slices() -> list[dict[str, object]]:
    from common.losses.sliced import fit_slices, random_directions, slice_features

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(512, 80, generator=generator, dtype=torch.float64)
    y = torch.randn(512, 3, generator=generator, dtype=torch.float64)
    rows = []
    for slices in (200, 500):
        directions = [random_directions(slices, v.shape[1], generator, v.dtype) for v in (x, y)]

        def direct(directions: list[torch.Tensor] = directions) -> None:
            features = [slice_features(v, w).numpy() for v, w in zip((x, y), directions, strict=True)]
            a, b = (f - f.mean(0) for f in features)
            roots = []
            for f in (a, b):
                values, axes = np.linalg.eigh(f.T @ f / 512 + 1e-3 * np.eye(f.shape[1]))
                roots.append(axes / np.sqrt(values) @ axes.T)
            np.linalg.svd(roots[0] @ (a.T @ b / 512) @ roots[1])

        ours = best_of(lambda s=slices: fit_slices(x, y, s, generator), 3)
        rows.append(_row(f"slices, n = 512, S = {slices}", "numpy, covariances whitened", ours, best_of(direct, 1)))
    ours = best_of(lambda: fit_slices(x, y, 1000, generator), 3)
    return [*rows, _row("slices, n = 512, S = 1000", "(not run: about 8 times S = 500)", ours, float("nan"))]


def _stacks() -> list[dict[str, object]]:
    rows = [_stack(batch, members) for batch, members in ((4000, 10), (4000, 1), (100, 10), (100, 1))]
    if fused.in_use() is None:
        return rows
    return [*rows, *(_kernel(batch, members) for batch, members in ((4000, 5), (4000, 1), (100, 1)))]


def _kernel(batch: int, members: int) -> dict[str, object]:
    """Seconds per seed and step of a stacked fit with the fused kernel against one product after another."""
    kernel, seconds = fused.in_use(), []
    for library in (kernel, None):
        fused.use(library)
        train, steps = _stacked_fit(batch, members)
        seconds.append(best_of(train, 4) / steps / members)
    fused.use(kernel)
    return _row(f"{_named(batch, members)}, fused kernel", "ours, product by product", *seconds)


def _named(batch: int, members: int) -> str:
    return f"ReMINE, batch {batch:,}, {members} seed{'s' if members > 1 else ''}: per seed and step"


def _stacked_fit(batch: int, members: int) -> tuple[Callable[[], object], int]:
    """Return some passes of a bf16 ReMINE fit 23-100-100-1 on twelve batches of drawn rows, and their steps."""
    from common.estimators.critic_fit import CriticFit
    from common.losses.climb import RemineObjective
    from common.models.stacked import StackedJointCritic

    x, z = (torch.randn(12 * batch, d, generator=torch.Generator().manual_seed(d)) for d in (20, 3))
    generators = [torch.Generator().manual_seed(k) for k in range(members)]
    critic = StackedJointCritic(20, 3, (100, 100), generators)
    data = x.expand(members, -1, -1), z.expand(members, -1, -1)
    autocast = torch.bfloat16
    fit = CriticFit(*data, critic, RemineObjective(), batch=batch, lr=1e-4, generators=generators, autocast=autocast)
    passes = 1 if batch > 1000 else 10
    return lambda: fit.train(fit.passes + passes), 12 * passes


def _stack(batch: int, members: int) -> dict[str, object]:
    """Seconds per seed and step of a ReMINE critic 23-100-100-1: a stacked fit against one eager loop."""
    from torch.utils.data import DataLoader, TensorDataset

    ours, steps = _stacked_fit(batch, members)
    x, z = torch.randn(12 * batch, 20), torch.randn(12 * batch, 3)

    def eager() -> None:
        layers = [torch.nn.Linear(23, 100), torch.nn.ReLU(), torch.nn.Linear(100, 100), torch.nn.ReLU()]
        network = torch.nn.Sequential(*layers, torch.nn.Linear(100, 1))
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
        for _ in range(steps // 12):
            for xb, zb in DataLoader(TensorDataset(x, z), batch_size=batch, shuffle=True):
                mixed = zb[torch.randperm(len(zb))]
                joint, marginal = network(torch.cat([xb, zb], 1)), network(torch.cat([xb, mixed], 1))
                partition = marginal.exp().mean().log()
                loss = -(joint.mean() - partition - 0.1 * partition**2)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()

    return _row(
        _named(batch, members), "eager DataLoader loop", best_of(ours, 3) / steps / members, best_of(eager, 3) / steps
    )
