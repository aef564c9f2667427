"""The supervised contrastive loss: rows of one class are drawn together, all others pushed apart.

Source: Khosla et al., *Supervised contrastive learning* (arXiv:2004.11362), eq. (2), L_out. With N rows z_i, scores
s_ia = z_i . z_a / t and P(i) the other rows of i's class,

    loss = - 1/N sum_i 1/|P(i)| sum_{p in P(i)} log( e^s_ip / sum_{a != i} e^s_ia ).

Known values: ln(N - 1) where all rows are the same; ln((k - 1) + (C - 1) k e^(-1/t)) for C orthogonal classes of k
equal unit rows, about ln(k - 1): compare values at one batch size only. With unit rows it lies in [0, ln(N - 1) + 2/t].
Temperature over base temperature, a factor of the published code, is 1 here.
"""

from __future__ import annotations

import torch
from torch import Tensor


def supcon(features: Tensor, labels: Tensor, temperature: float = 0.07) -> Tensor:
    """Return the loss, a scalar, of ``features (n, d)`` or ``(n, views, d)`` with ``labels (n,)``.

    Rows are meant to be of unit length: normalise them first. All views of all n are anchors; views of one row are of
    one class. An anchor that is alone of its class has no positive and counts as 0. fp32 at least, also under autocast.
    Raises ``ValueError`` for shapes that do not fit, fewer than two rows, and a temperature that is not above 0.
    """
    if features.ndim not in (2, 3):
        raise ValueError(f"features are (n, d) or (n, views, d); got {tuple(features.shape)}")
    if labels.shape != features.shape[:1]:
        raise ValueError(f"{len(features)} rows need as many labels; got {tuple(labels.shape)}")
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0; got {temperature}")
    if features.ndim == 3:
        labels = labels.repeat_interleave(features.shape[1])
        features = features.flatten(0, 1)
    if len(features) < 2:
        raise ValueError("an anchor needs another row beside it; got 1")
    with torch.autocast(features.device.type, enabled=False):
        z = features if features.dtype == torch.float64 else features.float()
        own = torch.eye(len(z), dtype=torch.bool, device=z.device)
        scores = (z @ z.T / temperature).masked_fill(own, -torch.inf)
        log_share = scores - torch.logsumexp(scores, 1, keepdim=True)
        positive = (labels[:, None] == labels) & ~own
        # Off the positives -inf (an anchor against itself) must be put aside, not multiplied by 0.
        per_anchor = log_share.masked_fill(~positive, 0).sum(1) / positive.sum(1).clamp_min(1)
        return -per_anchor.mean()
