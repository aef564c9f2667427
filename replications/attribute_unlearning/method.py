"""Attribute unlearning: representation detachment at a middle feature (Guo et al., 2022, arXiv 2202.13295), section 3.

A network is split into an extractor Phi, x -> h, and a classifier Omega, h -> y. A small auxiliary network reads three
things off h: the image (a decoder), the task y and the attribute z (two heads trained by contrast). Its loss trains
Phi, the task's cross-entropy trains Omega alone. What each loss may move is stated in the routes below.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from common.losses.supcon import supcon
from common.training.routing import Route, full_precision

TEMPERATURE = 0.07


@dataclass(frozen=True)
class Lambdas:
    """Weights of eq. (3). ``l3`` is a size; the sign of the z term is ``literal``'s to say.

    Lemma 3.1 has lambda3 = alpha (beta - gamma) with beta >= gamma: minimising eq. (3) then *raises* I(h, z).
    Unlearning needs beta < gamma. ``literal`` is the lemma as printed, and then l3 < l2: eq. (2) has gamma > 0 (D1).
    """

    l1: float
    l2: float
    l3: float
    literal: bool = False


@full_precision
def reconstruction_error(logits: Tensor, x: Tensor) -> Tensor:
    """Return R(x | h): the mean binary cross-entropy of ``x`` in [0, 1] under the decoder's logits, in nats a value.

    Its least value is the mean binary entropy of the pixels, and not 0.
    """
    return binary_cross_entropy_with_logits(logits, x)


def detachment(
    nets: Mapping[str, nn.Module], h: Tensor, x: Tensor, y: Tensor, z: Tensor, lambdas: Lambdas, entropy: bool = False
) -> list[Route]:
    """Return eq. (3) with the sign that unlearns, as routes to Phi and the auxiliary network.

    R(x|h) stands for -I(h, x), the contrastive losses for -I(h, y) and -I(h, z) (section 3.2.3). The attribute's head
    always learns to read z; Phi alone receives lambda3 times that loss with its sign turned, which is gradient reversal
    (D2). Phi is not pushed beyond a head that sees nothing: :func:`blind_contrast`, or ln C for ``entropy`` (a
    cross-entropy head instead of a contrastive one). ``literal`` turns no sign and has no such ceiling: a fresh head
    costs more than a blind one, and there the printed term would have no gradient.
    """
    to_x = reconstruction_error(nets["decoder"](h), x)  # R_omega(x | h)
    to_y = supcon(nets["task_head"](h), y, TEMPERATURE)
    to_z, blind = attribute_loss(nets["attribute_head"](h), z, entropy)
    routes = [
        Route(lambdas.l1 * to_x, to=("extractor", "decoder"), name="reconstruction"),
        Route(lambdas.l2 * to_y, to=("extractor", "task_head"), name="task_contrast"),
        Route(to_z, to=("attribute_head",), name="attribute_contrast"),
    ]
    if lambdas.l3:
        term = to_z if lambdas.literal else -to_z.clamp(max=blind)
        routes.append(Route(lambdas.l3 * term, to=("extractor",), name="detachment"))
    return routes


def attribute_loss(read: Tensor, z: Tensor, entropy: bool = False) -> tuple[Tensor, Tensor]:
    """Return the loss of what the attribute's head makes of a batch, and that of a head that sees nothing; scalars.

    ``read``: unit vectors (n, d), or with ``entropy`` logits (n, C), whose blind loss is ln C.
    """
    if entropy:
        loss = cross_entropy(read.float(), z)
        return loss, loss.new_tensor(math.log(read.shape[1]))
    loss = supcon(read, z, TEMPERATURE)
    return loss, blind_contrast(z).to(loss.dtype)


def blind_contrast(z: Tensor) -> Tensor:
    """Return SupCon, a scalar, of a head that sees nothing (all rows the same) on a batch's labels ``z (n,)``.

    ln(N - 1) an anchor; one that is alone of its class counts as 0, in the loss as here.
    """
    paired = (z[:, None] == z).sum(1) > 1
    return paired.double().mean() * math.log(len(z) - 1)


def task(classifier: nn.Module, h: Tensor, y: Tensor, end_to_end: bool = False) -> Route:
    """Return the task's cross-entropy: it trains Omega alone, or Phi as well where there is one graph."""
    loss = cross_entropy(classifier(h if end_to_end else h.detach()).float(), y)
    return Route(loss, to=("extractor", "classifier") if end_to_end else ("classifier",), name="task")


def aum(efficacy: float, fidelity: float) -> float:
    """Return eq. (5): the harmonic mean of 1 - efficacy and fidelity, 0 where both are 0.

    Eq. (5) prints "Efficiency Score" where the text has efficacy, an attacker's accuracy (lower is better); the printed
    values are those of 1 - efficacy.
    """
    hidden = 1 - efficacy
    return 2 * hidden * fidelity / (hidden + fidelity) if hidden + fidelity else 0.0
