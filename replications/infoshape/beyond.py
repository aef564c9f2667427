"""Our own figures, beyond the thesis: leakage through a Gaussian channel, and what an attacker reconstructs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from common.plotting import figure, finish
from common.results import Record
from common.results.select import values

STATES = {"untrained": "untrained", "a_trained": "after A", "d_trained": "after D"}


def channel_linear(records: Sequence[Record], title: str) -> Figure:
    """Draw ReMINE's estimate against the truth for a linear encoder, over the channel's noise."""
    p = records[0].params
    sigmas = p["sigmas"]
    fig, (axes, share) = figure(2, width=3.6, share_y=False)
    shown = {
        "truth": ("closed form + I(Z;L)", "k", "o"),
        "remine": ("ReMINE", "C0", "s"),
        "remine_heldout": ("ReMINE, fresh rows", "C1", "^"),
    }
    for name, (label, color, marker) in shown.items():
        found = [values(records, f"{name}_{s:g}") for s in sigmas]
        sd = [v.std(ddof=1) if len(v) > 1 else 0.0 for v in found]
        axes.errorbar(sigmas, [v.mean() for v in found], sd, label=label, color=color, marker=marker, capsize=2)
    low, high = ([values(records, f"{k}_{s:g}").mean() for s in sigmas] for k in ("lower", "upper"))
    axes.fill_between(sigmas, low, high, color="0.5", alpha=0.3, label="bracket (known density)")
    axes.set_ylabel("I(X; WX + σN) (nats)")
    axes.legend(fontsize=7)
    for s in sigmas:
        ratio = values(records, f"remine_{s:g}") / values(records, f"truth_{s:g}")
        share.plot(np.full(len(ratio), s), ratio, "s", color="C0", markersize=4)
    share.axhline(1, color="k", linewidth=0.8, linestyle=":")
    share.set_ylim(0, 1.2)
    for panel in (axes, share):
        panel.set_xscale("log")
        panel.set_xticks(sigmas, [f"{s:g}" for s in sigmas])
        panel.minorticks_off()
        panel.set_xlabel("noise σ of the channel (units of the code)")
    share.set_ylabel("ReMINE / truth")
    batches = 2 * p["n_per_class"] // p["batch"]
    return finish(
        fig, title, records, f"ours, not in the thesis; {p['passes'] * batches:,} critic steps; ± = sd over seeds"
    )


def channel(records: Sequence[Record], title: str) -> Figure:
    """Draw the bracketed leakage of each state over the noise."""
    p = records[0].params
    channels = {f"{s:g}": f"σ = {s:g}" for s in p["sigmas"]} | {"relative": f"σ = {p['relative']:g} of the code's sd"}
    fig, panels = figure(len(channels), width=2.5, share_y=False)
    for axes, (name, words) in zip(panels, channels.items(), strict=True):
        for i, state in enumerate(STATES):
            low, high = values(records, f"lower_{state}_{name}"), values(records, f"upper_{state}_{name}")
            middle = (low + high) / 2
            sd = middle.std(ddof=1) if len(middle) > 1 else 0
            axes.errorbar([i - 0.28], middle.mean(), sd, color=f"C{i}", capsize=3, fmt="D", markersize=4)
            for k, (a, b) in enumerate(zip(low, high, strict=True)):
                at = i + 0.06 * (k - (len(low) - 1) / 2)
                axes.plot([at, at], [a, b], color=f"C{i}", marker="_", markersize=5)
        axes.set_xticks(range(len(STATES)), list(STATES.values()), fontsize=7)
        axes.set_title(words)
    panels[0].set_ylabel("I(X; T(X) + σN) (nats)")
    note = "ours, not in the thesis; diamond: mean ± sd; short bars: each seed's bounds, in expectation"
    return finish(fig, title, records, note)


def attacker(records: Sequence[Record], title: str) -> Figure:
    """Draw the share of X's variance that the attacker explains, per state, attacker and side information."""
    fig, panels = figure(2, width=3.6)
    for axes, (side, words) in zip(panels, (("", "codes alone"), ("_with_label", "codes and label")), strict=True):
        for j, kind in enumerate(("linear", "network")):
            for i, state in enumerate(STATES):
                found = values(records, f"explained_{state}{side}_{kind}")
                at = i + 0.2 * (j - 0.5)
                axes.plot(np.full(len(found), at), found, "os"[j], color=f"C{j}", alpha=0.35, markersize=4)
                sd = found.std(ddof=1) if len(found) > 1 else 0
                label = kind if i == 0 else None
                axes.errorbar([at], found.mean(), sd, fmt="os"[j], color=f"C{j}", capsize=3, label=label)
        axes.set_xticks(range(len(STATES)), list(STATES.values()))
        axes.axhline(0, color="0.3", linewidth=0.8, linestyle=":")
        axes.set_title(words)
    panels[0].set_ylabel("share of X's variance explained\non held-out rows")
    panels[0].legend(fontsize=7)
    return finish(fig, title, records, "ours, not in the thesis; 0 = the mean of X, 1 = X itself; ± = sd over seeds")
