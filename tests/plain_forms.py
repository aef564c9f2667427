"""What the code arranges for speed, as its definition reads: tests hold the one to the other."""

import torch


def distance_correlation(x, y, floor=1e-8):
    """Return sqrt(max(floor, dCor_U^2)) of rows x (..., n, d_x) and y (..., n, d_y), all tables in the graph."""
    a, b = (u_centred(torch.cdist(v, v)) for v in (x, y))
    covariance = (a * b).sum((-1, -2))
    spread = a.square().sum((-1, -2)) * b.square().sum((-1, -2))
    return (covariance / spread.clamp_min(1e-30).sqrt()).clamp_min(floor).sqrt()


def u_centred(distances):
    n = distances.shape[-1]
    rows = distances.sum(-1, keepdim=True)
    centred = distances - (rows + rows.mT) / (n - 2) + rows.sum(-2, keepdim=True) / ((n - 1) * (n - 2))
    return centred.masked_fill(torch.eye(n, dtype=torch.bool), 0.0)
