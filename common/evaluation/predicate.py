"""Predicates of claims: a small expression language over per-seed numbers, parsed and never executed as code.

Names stand for vectors with one number per seed, paired by seed. `+ - * /`, `abs` and `log` work seed by seed;
`mean median min max sd` take a vector to one number; comparisons and `and or not` work seed by seed where a
vector takes part; `all any share` take a condition per seed to one value (`share`: the fraction of seeds). The
whole must be one condition, so `trained > untrained` alone is refused: is it meant for all seeds, or most?
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Value = np.ndarray | np.float64 | np.bool_ | float

_LONGEST = 1000
_DEEPEST = 50  # parts inside parts: far below where Python itself gives up
_ARITHMETIC: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: dict[type, tuple[str, Callable]] = {
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
}
_REDUCE: dict[str, Callable] = {
    "mean": np.mean,
    "median": np.median,
    "min": np.min,
    "max": np.max,
    "sd": lambda v: np.std(v, ddof=1) if len(v) > 1 else np.float64(np.nan),
}
_SEEDWISE: dict[str, Callable] = {"abs": np.abs, "log": np.log}
_LINEAR = (ast.Name, ast.Constant, ast.UnaryOp, ast.BinOp)
_CONDITIONS: dict[str, Callable] = {"all": np.all, "any": np.any, "share": np.mean}
FUNCTIONS = (*_REDUCE, *_SEEDWISE, *_CONDITIONS)


class PredicateError(ValueError):
    """The expression is not of the language: one line that shows the part and what is valid."""


class UndefinedError(ArithmeticError):
    """The expression has no value on these numbers (a log of zero, a sd of one seed): says which part."""


@dataclass(frozen=True)
class Outcome:
    """Whether a predicate holds, and the two sides of each of its comparisons as text."""

    holds: bool
    evidence: str


class Predicate:
    """One parsed predicate; wrong syntax, names or shapes are found here, before any record exists."""

    def __init__(self, text: str, names: tuple[str, ...]) -> None:
        if len(text) > _LONGEST:
            raise PredicateError(f"predicate of {len(text)} characters; {_LONGEST} are the most")
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise PredicateError(f"{text!r} is not an expression ({getattr(error, 'msg', error)})") from None
        if _depth(self._tree) > _DEEPEST:
            raise PredicateError(f"predicate with more than {_DEEPEST} parts inside one another; write it flatter")
        self.names = names
        trial = _Walk(dict.fromkeys(names, np.array([1.0, 2.0])), strict=False)
        if not isinstance(trial.value(self._tree), np.bool_):
            raise PredicateError(
                f"{text!r} is not one condition; compare two sides, and put a condition per seed into "
                "all(), any() or share() >= 0.8"
            )
        used = {node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name)}
        unused = sorted(set(names) - used)
        if unused:
            raise PredicateError(f"quantity {unused[0]!r} is not used in {text!r}; use it or drop it")

    def __call__(self, numbers: Mapping[str, np.ndarray]) -> Outcome:
        """Return the outcome on vectors of equal length >= 1; raises :class:`UndefinedError` where it has no value."""
        walk = _Walk(numbers, strict=True)
        holds = bool(walk.value(self._tree))
        return Outcome(holds, "; ".join(dict.fromkeys(walk.evidence)))

    def decided_by_means(self, seeds: int) -> bool:
        """Return whether the quantities' means over so many seeds give the outcome that the seeds themselves give.

        So with one seed, and where every name stands, in sums and multiples alone, inside a mean (or, of two seeds, a
        median).
        """
        taken = ("mean", "median") if seeds == 2 else ("mean",)
        return seeds == 1 or _by_means(self._tree, taken)


def _depth(tree: ast.expr) -> int:
    """Return how many expressions stand inside one another at most; no recursion, for that is what it guards."""
    depth, level = 0, [tree]
    while level:
        depth += 1
        level = [part for node in level for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
    return depth


def _by_means(node: ast.AST, taken: tuple[str, ...]) -> bool:
    """Return whether each name below a node stands in sums and multiples alone, inside one of the functions taken."""
    if isinstance(node, ast.Call) and node.func.id in taken:
        return _is_linear(node.args[0])
    if isinstance(node, ast.Call):  # abs and log of what is one number for all seeds are that number's
        return node.func.id in _SEEDWISE and _by_means(node.args[0], taken)
    return not isinstance(node, ast.Name) and all(_by_means(part, taken) for part in ast.iter_child_nodes(node))


def _is_linear(node: ast.expr) -> bool:
    """Return whether an expression is a sum of multiples of names."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        factors = (node.right,) if isinstance(node.op, ast.Div) else (node.left, node.right)
        if not any(isinstance(factor, ast.Constant) for factor in factors):
            return False
    parts = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
    return isinstance(node, _LINEAR) and all(_is_linear(part) for part in parts)


class _Walk:
    """One evaluation: visits the whitelisted nodes and keeps the sides of every comparison."""

    def __init__(self, numbers: Mapping[str, np.ndarray], strict: bool) -> None:
        self.numbers, self.strict = numbers, strict
        self.evidence: list[str] = []

    def value(self, node: ast.expr) -> Value:
        """Return the value of a node; any kind of node that is not listed here is refused."""
        visit = {
            ast.Name: self._name,
            ast.Constant: self._constant,
            ast.UnaryOp: self._unary,
            ast.BinOp: self._binary,
            ast.BoolOp: self._logic,
            ast.Compare: self._compare,
            ast.Call: self._call,
        }.get(type(node))
        if visit is None:
            raise PredicateError(f"{_source(node)!r}: {type(node).__name__} is not part of a predicate")
        return visit(node)

    def _name(self, node: ast.Name) -> Value:
        if node.id not in self.numbers:
            raise PredicateError(f"unknown name {node.id!r}; valid: {', '.join([*self.numbers, *FUNCTIONS])}")
        return self.numbers[node.id]

    def _constant(self, node: ast.Constant) -> Value:
        if type(node.value) not in (int, float):
            raise PredicateError(f"{node.value!r} is not a number")
        try:
            return self._finite(node, np.float64(node.value))
        except OverflowError:
            raise PredicateError("a number in the predicate is too large") from None

    def _unary(self, node: ast.UnaryOp) -> Value:
        inner = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            return np.logical_not(self._condition(node.operand, inner))
        if not isinstance(node.op, ast.USub):
            raise PredicateError(f"{_source(node)!r}: only - and not stand before a value")
        return -self._number(node.operand, inner)

    def _binary(self, node: ast.BinOp) -> Value:
        compute = _ARITHMETIC.get(type(node.op))
        if compute is None:
            raise PredicateError(f"{_source(node)!r}: only + - * / are valid between numbers")
        left = self._number(node.left, self.value(node.left))
        right = self._number(node.right, self.value(node.right))
        with np.errstate(all="ignore"):
            return self._finite(node, compute(left, right))

    def _logic(self, node: ast.BoolOp) -> Value:
        parts = [self._condition(part, self.value(part)) for part in node.values]
        combine = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        result = parts[0]
        for part in parts[1:]:
            result = combine(result, part)
        return result

    def _compare(self, node: ast.Compare) -> Value:
        sides = [node.left, *node.comparators]
        values = [self._number(side, self.value(side)) for side in sides]
        result: Value = np.True_
        for op, left, right in zip(node.ops, range(len(sides)), range(1, len(sides)), strict=False):
            if type(op) not in _COMPARISONS:
                raise PredicateError(f"{_source(node)!r}: only < <= > >= are valid between two sides")
            sign, compare = _COMPARISONS[type(op)]
            step = compare(values[left], values[right])
            result = np.logical_and(result, step)
            shown = [
                _shown(side, value) for side, value in ((sides[left], values[left]), (sides[right], values[right]))
            ]
            count = f" in {int(np.sum(step))} of {len(step)} seeds" if np.ndim(step) else ""
            self.evidence.append(f"{shown[0]} {sign} {shown[1]}{count}")
        return result

    def _call(self, node: ast.Call) -> Value:
        name = node.func.id if isinstance(node.func, ast.Name) else _source(node.func)
        if name not in FUNCTIONS:
            raise PredicateError(f"unknown function {name!r}; valid: {', '.join(FUNCTIONS)}")
        if len(node.args) != 1 or node.keywords:
            raise PredicateError(f"{_source(node)!r}: {name} takes exactly one value")
        inner = self.value(node.args[0])
        if name in _SEEDWISE:
            with np.errstate(all="ignore"):
                return self._finite(node, _SEEDWISE[name](self._number(node.args[0], inner)))
        if np.ndim(inner) == 0:
            raise PredicateError(f"{_source(node)!r}: {name} works over seeds, but its value is one for all")
        if name in _CONDITIONS:
            return _CONDITIONS[name](self._condition(node.args[0], inner))
        return self._finite(node, _REDUCE[name](self._number(node.args[0], inner)))

    def _number(self, node: ast.expr, value: Value) -> Value:
        if np.asarray(value).dtype == bool:
            raise PredicateError(f"{_source(node)!r} is a condition where a number is needed")
        return value

    def _condition(self, node: ast.expr, value: Value) -> Value:
        if np.asarray(value).dtype != bool:
            raise PredicateError(f"{_source(node)!r} is a number where a condition is needed")
        return value

    def _finite(self, node: ast.expr, value: Value) -> Value:
        if self.strict and not np.all(np.isfinite(value)):
            raise UndefinedError(f"{_source(node)} has no finite value on these seeds")
        return value


def _source(node: ast.AST) -> str:
    return ast.unparse(node)


def _shown(node: ast.expr, value: Value) -> str:
    """Return a side as text: a bare number as it is, else the expression with its value or mean over seeds."""
    if isinstance(node, ast.Constant):
        return f"{node.value:g}"
    if np.ndim(value):
        return f"{_source(node)} [mean {np.mean(value):.4g}]"
    return f"{_source(node)} [{float(value):.4g}]"
