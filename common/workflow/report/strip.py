"""The difference of one printed number as a small drawing: zero, the tolerance band, ours with its interval."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH, HEIGHT = 150, 22
_MARGIN = 8


@dataclass(frozen=True)
class Strip:
    """Coordinates in a box of WIDTH by HEIGHT; ``band`` and ``bar`` are (x, width) or None; ``words`` say it all."""

    zero: float
    dot: float
    band: tuple[float, float] | None
    bar: tuple[float, float] | None
    words: str
    width: int = WIDTH
    height: int = HEIGHT


def strip_of(delta: float, interval: tuple[float, float] | None, tolerance: float | None) -> Strip:
    """Return the drawing of ours minus published, on an axis that is symmetric about zero and shows all of it."""
    reach = max(abs(delta), *(abs(end) for end in interval or (0.0,)), 1.6 * (tolerance or 0.0)) or 1.0
    unit = (WIDTH / 2 - _MARGIN) / reach

    def at(value: float) -> float:
        return round(WIDTH / 2 + value * unit, 2)

    words = [f"difference {delta:+.3g}"]
    if interval:
        words.append(f"90 % interval {interval[0]:+.3g} to {interval[1]:+.3g}")
    words.append(f"tolerance ±{tolerance:g}" if tolerance else "no tolerance set")
    return Strip(
        zero=at(0.0),
        dot=at(delta),
        band=(at(-tolerance), round(2 * tolerance * unit, 2)) if tolerance else None,
        bar=(at(interval[0]), round((interval[1] - interval[0]) * unit, 2)) if interval else None,
        words=", ".join(words),
    )
