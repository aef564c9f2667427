"""Our own figures, beyond the thesis: leakage through a Gaussian channel, and what an attacker reconstructs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.plotting import figure, finish
from common.results import Record
from common.results.select import values
from replications.infoshape.reading import limit

STATES = {"untrained": "untrained", "a_trained": "after A", "d_trained": "after D"}
ROWS = {"remine": ("ReMINE, own rows", "C0", "s", 0.94), "remine_heldout": ("ReMINE, fresh rows", "C1", "^", 1.06)}
# README, "Known answers": of 20 uncorrelated coordinates three numbers explain three where they are read linearly; with
# the label known the three first principal components have a variance of 1.99 each.
LINEAR, LABELLED = 3 / 20, 3 * 1.99 / 20


def sd_of(found: np.ndarray) -> float:
    """Return the sd over seeds, none for one seed."""
    return float(found.std(ddof=1)) if len(found) > 1 else 0.0


def channel_linear(records: Sequence[Record], title: str) -> Figure:
    """Draw ReMINE's estimate against the truth for a linear encoder over the channel's noise, and its share of it.

    What stands at one deviation is drawn side by side, or the last would hide the others.
    """
    p = records[0].params
    sigmas = np.array(p["sigmas"])
    fig, (axes, share) = figure(2, width=3.6, share_y=False)
    truths = {"truth": ("closed form + I(Z;L)", "k", "o", 1.0)}
    for name, (label, color, marker, aside) in (truths | ROWS).items():
        found = [values(records, f"{name}_{s:g}") for s in sigmas]
        style = {"label": label, "color": color, "marker": marker, "markersize": 4, "linewidth": 0.8, "capsize": 2}
        axes.errorbar(sigmas * aside, [v.mean() for v in found], [sd_of(v) for v in found], **style)
    apart = bracketed(axes, records, sigmas)
    axes.set_ylabel("I(X; WX + σN) (nats)")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7)
    shares(share, records, sigmas)
    for panel in (axes, share):
        panel.set_xscale("log")
        panel.set_xticks(sigmas, [f"{s:g}" for s in sigmas])
        panel.minorticks_off()
        panel.set_xlabel("noise σ of the channel (units of the code)")
    steps = p["passes"] * (2 * p["n_per_class"] // p["batch"])
    notes = f"ours, not in the thesis; {steps:,} critic steps; ± = sd over seeds; {apart}; at each σ side by side"
    return finish(fig, title, records, notes)


def bracketed(axes: Axes, records: Sequence[Record], sigmas: np.ndarray) -> str:
    """Draw the mean bounds of the known density beside each truth; return how far apart they are at most."""
    low, high = (np.array([values(records, f"{k}_{s:g}").mean() for s in sigmas]) for k in ("lower", "upper"))
    lines = axes.plot(np.array([sigmas, sigmas]) * 1.14, [low, high], color="0.5", marker="_", markersize=9)
    lines[0].set_label("bounds, from the known density")
    return f"bounds of the known density at most {np.max(high - low):.2g} nats apart"


def shares(axes: Axes, records: Sequence[Record], sigmas: np.ndarray) -> None:
    """Draw each seed's estimate as a share of the truth, on the critic's own and on fresh rows."""
    found = {}
    for name, (label, color, marker, aside) in ROWS.items():
        found[name] = [values(records, f"{name}_{s:g}") / values(records, f"truth_{s:g}") for s in sigmas]
        at = np.repeat(sigmas * aside, [len(ratio) for ratio in found[name]])
        axes.plot(at, np.concatenate(found[name]), marker, color=color, markersize=4, alpha=0.6, label=label)
    axes.axhline(1, color="k", linewidth=0.8, linestyle=":")
    axes.set_ylim(0, max(1.2, *(1.05 * ratio.max() for ratios in found.values() for ratio in ratios)))
    axes.set_ylabel("ReMINE / truth")
    axes.legend(fontsize=7, loc="lower right")
    above = ", ".join(str(int((ratio > 1).sum())) for ratio in found["remine_heldout"])
    axes.set_title(f"on fresh rows above the truth: {above} of {len(records)} seeds", fontsize=8)


def channel(records: Sequence[Record], title: str) -> Figure:
    """Draw the bracketed leakage of each state over the noise, in nats from zero; the numbers stand below."""
    p = records[0].params
    channels = {f"{s:g}": f"σ = {s:g}" for s in p["sigmas"]} | {"relative": f"σ = {p['relative']:g} of the code's sd"}
    fig, panels = figure(len(channels), width=2.6)
    for axes, (name, words) in zip(panels, channels.items(), strict=True):
        told = []
        for i, (state, state_words) in enumerate(STATES.items()):
            low, high = values(records, f"lower_{state}_{name}"), values(records, f"upper_{state}_{name}")
            middle = (low + high) / 2
            sd = sd_of(middle)
            axes.errorbar([i - 0.28], middle.mean(), sd, color=f"C{i}", capsize=3, fmt="D", markersize=4)
            for k, (a, b) in enumerate(zip(low, high, strict=True)):
                at = i + 0.06 * (k - (len(low) - 1) / 2)
                axes.plot([at, at], [a, b], color=f"C{i}", marker="_", markersize=5)
            told.append(f"{state_words}\n{middle.mean():.2f} ± {sd:.2f}")
        axes.set_xticks(range(len(STATES)), told, fontsize=7)
        axes.set_xlim(-0.55, len(STATES) - 0.45)
        axes.set_title(words)
    panels[0].set_ylim(bottom=0)
    panels[0].set_ylabel("I(X; T(X) + σN) (nats)")
    note = "ours, not in the thesis; diamond: mean ± sd; short bars: each seed's bounds, in expectation"
    return finish(fig, title, records, note)


def attacker(records: Sequence[Record], title: str) -> Figure:
    """Draw the share of X's variance that the attacker explains, per state, attacker and side information."""
    fig, panels = figure(2, width=3.6)
    limits = {f"{LINEAR:.2f}: linear": LINEAR, f"{LABELLED:.2f}: label known": LABELLED}
    for axes, (side, words) in zip(panels, (("", "codes alone"), ("_with_label", "codes and label")), strict=True):
        for j, kind in enumerate(("linear", "network")):
            for i, state in enumerate(STATES):
                found = values(records, f"explained_{state}{side}_{kind}")
                at = i + 0.2 * (j - 0.5)
                axes.plot(np.full(len(found), at), found, "os"[j], color=f"C{j}", alpha=0.35, markersize=4)
                label = kind if i == 0 else None
                axes.errorbar([at], found.mean(), sd_of(found), fmt="os"[j], color=f"C{j}", capsize=3, label=label)
        axes.set_xticks(range(len(STATES)), list(STATES.values()))
        axes.set_xlim(-0.4, 3.2)  # the limits' names stand right of the points
        axes.axhline(0, color="0.3", linewidth=0.8)
        for name, value in list(limits.items())[: 2 if side else 1]:
            limit(axes, value, name)
        axes.set_title(words)
    panels[0].set_ylim(top=max(0.35, panels[0].get_ylim()[1]))
    panels[0].set_ylabel("share of X's variance explained\non held-out rows")
    panels[0].legend(fontsize=7, loc="upper right")
    note = "ours, not in the thesis; 0 = the mean of X, 1 = X itself; ± = sd over seeds"
    known = "dotted: what three numbers explain at most, read linearly, and as three principal components, label known"
    return finish(fig, title, records, note, known)
