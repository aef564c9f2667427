"""IRENE: removing private information at the bottleneck (Tartaglione, BMVC 2022, arXiv 2210.00891), section 3.

An encoder F maps x to the bottleneck z, a head G reads the target y from it, and a private head H reads v, what must
not be there. H learns; F is pressed to leave H's soft predictions without information about the true private label.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from common.training.routing import Route, full_precision

FLOOR = 1e-15  # the authors' clamp of joint and marginals, before the logarithm


@full_precision
def mutual_information(logits: Tensor, labels: Tensor, classes: int, normalised: bool = True) -> Tensor:
    """Return I(v, v-hat) of eq. (2): the plug-in information of soft predictions and true private labels.

    ``logits (n, classes)`` of H, ``labels (n,)``. In nats, or over ln C as in the authors' code (D2): then in [0, 1].
    0 exactly where the softmax does not depend on the label within the batch; at most ln C.
    """
    soft = torch.softmax(logits, dim=1)  # sigma(v)
    truth = one_hot(labels, classes).to(soft.dtype)  # v-hat
    joint = (truth.T @ soft).clamp_min(FLOOR) / len(labels)  # p_{sigma(v) v-hat}
    apart = joint.sum(1, keepdim=True).clamp_min(FLOOR) * joint.sum(0, keepdim=True).clamp_min(FLOOR)
    information = (joint * (joint / apart).log()).sum()  # eq. (2)
    return information / math.log(classes) if normalised else information


def irene(
    z: Tensor,
    target: nn.Module,
    private: nn.Module,
    y: Tensor,
    v: Tensor,
    alpha: float,
    gamma: float,
    classes: int,
    normalised: bool = True,
    buggy: bool = False,
) -> list[Route]:
    """Return Algorithm 1 as routes: three losses, each with the parts it trains.

    ``buggy`` is the routing of the code that was public when the paper appeared (D1): H descends the information as
    well, and so learns to look blind.
    """
    task = alpha * cross_entropy(target(z), y)  # alpha L(y, y-hat)
    routes = [
        Route(task, to=("encoder", "target"), name="task"),  # lines 5 and 7
        private_loss(z, private, v),  # line 6
    ]
    if gamma:
        leaked = gamma * mutual_information(private(z), v, classes, normalised)  # gamma I(v, v-hat)
        to = ("encoder", "private") if buggy else ("encoder",)
        routes.append(Route(leaked, to=to, name="leakage"))  # line 7: through H, and not to it
    return routes


def private_loss(z: Tensor, private: nn.Module, v: Tensor) -> Route:
    """Return line 6: H learns to read v from a bottleneck that it does not move."""
    return Route(cross_entropy(private(z.detach()), v), to=("private",), name="private")
