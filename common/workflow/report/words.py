"""Counts in words: the noun agrees with its number."""

from __future__ import annotations


def count(n: int, what: str) -> str:
    """Return ``n`` of something: 1 cell, 2 cells."""
    return f"{n} {what}{'' if n == 1 else 's'}"


def seeds_in_words(column: str) -> str:
    """Return a column of seeds with its noun, what was added to it behind: ``5, on accepted means`` is 5 seeds, on …

    ``3 of 3`` is 3 of 3 seeds; an empty column stays empty.
    """
    number, comma, rest = column.partition(",")
    before, _, last = number.rpartition(" ")
    return f"{before} {count(int(last), 'seed')}{comma}{rest}".strip() if number else ""
