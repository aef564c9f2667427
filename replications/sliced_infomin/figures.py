"""Sliced infomin: figures from records.

``python -m replications.sliced_infomin.figures fig_demo out.svg --records …``
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.evaluation.published import printed_for
from common.plotting import band, figure, finish, in_words
from common.plotting.cli import draw
from common.results import Record
from common.results.select import ended_well, of, values

PUBLISHED = Path(__file__).with_name("published.csv")
COLOURS = {"slice": "C0", "pearson": "C1", "dcorr": "C2", "renyi": "C3", "tc": "C4", "club": "C1"}
NAMES = {
    "slice": "slice",
    "pearson": "Pearson",
    "dcorr": "distance correlation",
    "renyi": "neural Rényi",
    "tc": "neural TC",
    "club": "vCLUB",
}
JUDGED = {"census": "census_judge", "adult": "adult_judge"}  # codes of the tables are judged by a job of their own
SOURCES = {"mm": "mnist", "cs": "cifar10"}  # a record's own data set is its target; a test holds these to the pairs
LINKS = {"linear": "linear", "cube": "cube", "sine": "sine", "square": "square (even)"}


def rows(found: Sequence[Record], name: str) -> np.ndarray:
    """Return a series of every record that has it, (records, points), gaps as NaN."""
    return np.array([[np.nan if v is None else v for v in r.series[name]] for r in found if name in r.series], float)


def demo(records: Sequence[Record], title: str) -> Figure:
    """Draw true information against steps, slice and CLUB; the notebook's end points stand in the stamp."""
    fig, (axes,) = figure(1, width=4.8)
    seeds = 0
    for variant in ("slice", "club"):
        found = ended_well(of(records, "demo", variant))
        if found:
            seeds = max(seeds, len(found))
            curves, steps = rows(found, "mi"), rows(found, "step")[0]
            for curve in curves:
                axes.plot(steps, curve, color=COLOURS[variant], alpha=0.25, linewidth=0.7)
            band(axes, steps, curves, COLOURS[variant], NAMES[variant], limits=(0, np.inf))
    axes.axhline(0, color="0.6", linewidth=0.7)
    axes.set_xlabel("optimiser step of the sampler's angle")
    axes.set_ylabel("true I(x; y) (nats)")
    axes.legend()
    row = {name: found.printed for name, found in printed_for(PUBLISHED, "fig_demo").items()}
    printed = f"printed: slice {row['slice_first']} to {row['slice_last']} at step 1100, "
    printed += f"CLUB {row['club_first']} to {row['club_last']} at 1200"
    return finish(fig, title, records, printed, in_words(seeds, light=True))


def power(records: Sequence[Record], title: str) -> Figure:
    """Draw the share of trials rejected against the strength of dependence, a panel per link."""
    runs = ended_well(records)
    fig, panels = figure(4, width=2.6)
    alphas = np.array(records[0].series["alpha"], float)
    for axes, (link, label) in zip(panels, LINKS.items(), strict=True):
        for method, colour in COLOURS.items():  # the records know no CLUB: its bound is no statistic of one sample
            curves = rows(runs, f"{method}_{link}")
            if len(curves):
                band(axes, alphas, curves, colour, NAMES[method], limits=(0, 1))
        axes.axhline(0.05, color="0.5", linestyle=":", linewidth=0.8)
        axes.set_title(label)
        axes.set_xlabel("dependence level α")
        axes.set_ylim(-0.03, 1.03)
    panels[0].set_ylabel("power at the 5 % level")
    panels[0].legend(fontsize=6)
    p = records[0].params
    size = f"n = {p['n']}, d = {p['d']}, {p['trials']} trials a point; every constant is ours"
    return finish(fig, title, records, size, in_words(len(runs), within="0 to 1"))


def slices_of(record: Record) -> int:
    """Return the number of slices that a record's codes were trained with."""
    return int(record.metrics.get("slices", record.params.get("slices", 0)))


def poster() -> dict[str, dict[int, float]]:
    """Return the poster's points, read by eye: data set -> number of slices -> rho*(Z, T)."""
    points: dict[str, dict[int, float]] = {}
    for entry, row in printed_for(PUBLISHED, "fig_slices").items():
        name, _, count = entry.partition("_")
        points.setdefault(name, {})[int(count)] = row.value
    return points


def slices(records: Sequence[Record], title: str) -> Figure:
    """Draw rho*(Z, T) against the number of slices, ours with a band, the poster's points as read by eye."""
    titles = {"census": "US Census", "adult": "UCI Adult (with the leak)", "dsprites": "dSprites"}
    asked = [name for name in titles if of(records, JUDGED.get(name, name))]
    printed = poster()
    fig, panels = figure(len(asked), width=2.9)
    for axes, name in zip(panels, asked, strict=True):
        points = printed[name]
        axes.plot(list(points), list(points.values()), "x--", color="0.5", label="poster", linewidth=0.8)
        found = ended_well(of(records, JUDGED.get(name, name)))
        counts = sorted({slices_of(r) for r in found})
        if counts:
            for metric, colour, label in (
                ("rho_zt_code", "C0", "the code's reader"),
                ("rho_zt", "C3", "strongest reader"),
            ):
                seen = [values([r for r in found if slices_of(r) == k], metric) for k in counts]
                mean = [np.mean(v) for v in seen]
                sd = [np.std(v, ddof=1) if len(v) > 1 else 0.0 for v in seen]
                axes.errorbar(counts, mean, sd, fmt="o-", color=colour, capsize=2, label=f"{label}, ± sd over seeds")
        axes.set_xscale("log")
        ticks = sorted({*points, *counts})
        axes.set_xticks(ticks, [str(k) for k in ticks])
        axes.minorticks_off()
        axes.set_title(titles[name])
        axes.set_xlabel("number of slices S")
    panels[0].set_ylim(0, 1)
    panels[0].set_ylabel("ρ*(Z, T), one-sided")
    panels[0].legend(fontsize=7)
    return finish(fig, title, records, "the poster's fourth curve (CMU-PIE) has no counterpart here")


def domains(records: Sequence[Record], title: str) -> Figure:
    """Draw t-SNE of content features, source blue and target red: (a) to (d) as in the deck.

    Each of the lowest seed that ended well; a panel without one stays empty.
    """
    panels = (("a", "domains", "mm_club", "M → MM, adversarial (CLUB)"), ("b", "domains", "mm_slice", "M → MM, slice"))
    panels += (("c", "objects", "cs_club", "C → S, adversarial (CLUB)"), ("d", "objects", "cs_slice", "C → S, slice"))
    fig, axes = figure(4, width=2.4, height=2.8, share_y=False)
    drawn: list[Record] = []
    for ax, (letter, experiment, variant, label) in zip(axes, panels, strict=True):
        found = sorted(ended_well(of(records, experiment, variant)), key=lambda r: r.seed)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_title(f"({letter}) {label}", fontsize=8)
        if not found:
            continue
        record = found[0]
        drawn.append(record)
        x, y, of_domain = (np.array(record.series[f"tsne_{k}"], float) for k in ("x", "y", "domain"))
        for domain, colour, name in ((1, "tab:blue", "source"), (2, "tab:red", "target")):
            chosen = of_domain == domain
            ax.scatter(x[chosen], y[chosen], s=3, c=colour, alpha=0.6, linewidths=0, label=name)
        m = record.metrics
        ax.set_xlabel(f"source {m['source_accuracy']:.1f} %, target {m['target_accuracy']:.1f} %", fontsize=7)
    axes[0].legend(fontsize=6, markerscale=2)
    sources = ", ".join(dict.fromkeys(f"{SOURCES[r.params['pair']]} to {r.dataset.name}" for r in drawn))
    shown = ", ".join(str(seed) for seed in sorted({r.seed for r in drawn}))
    return finish(
        fig, title, drawn or records, f"source to target: {sources}", f"seed {shown} shown; t-SNE has no unit"
    )


def swaps(experiment: str, variants: dict[str, str]) -> Callable[[Sequence[Record], str], Figure]:
    """Return a figure of swapped attributes: rows x1, x2, G(z1, t2), G(z2, t1), eight pictures each."""

    def make(records: Sequence[Record], title: str) -> Figure:
        fig, axes = figure(len(variants), width=4.2, height=2.5, share_y=False)
        labels = ("x₁", "x₂", "G(z₁, t₂)", "G(z₂, t₁)")
        for ax, (variant, label) in zip(axes, variants.items(), strict=True):
            found = [r for r in ended_well(of(records, experiment, variant)) if "swap_x1" in r.series]
            ax.set_title(label, fontsize=8)
            ax.set_xticks([])
            ax.set_yticks([])
            if found:
                sheet(ax, found[0], labels)
        return finish(fig, title, records, "seed 0 shown, test pictures")

    return make


def sheet(axes: Axes, record: Record, labels: Sequence[str]) -> None:
    """Show the four rows of pictures of one record side by side."""
    colours = 3 if record.experiment == "faces" else 1
    strips = []
    for name in ("x1", "x2", "g12", "g21"):
        flat = np.array(record.series[f"swap_{name}"], float).reshape(-1, colours, 32, 32)
        strips.append(np.concatenate(list(flat.transpose(0, 2, 3, 1)), axis=1))
    width = min(strip.shape[1] for strip in strips)
    image = np.concatenate([strip[:, :width] for strip in strips]) / 255
    axes.imshow(image if colours == 3 else image[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_yticks([16 + 32 * k for k in range(4)], labels, fontsize=8)
    axes.grid(False)


FIGURES: dict[str, Callable[[Sequence[Record], str], Figure]] = {
    "fig_demo": demo,
    "fig_power": power,
    "fig_slices": slices,
    "fig_domains": domains,
    "fig_swap": swaps("dsprites", {"slice": "slice", "vclub": "vCLUB"}),
    "fig_swap_faces": swaps("faces", {"slice": "slice"}),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Draw one figure from the command line."""
    return draw(argv, "sliced_infomin", FIGURES, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
