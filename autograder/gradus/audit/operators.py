"""How the code of a reference solution is changed: cosmic-ray's operators, and a few of our own.

Of cosmic-ray's, those are left out that say nothing about tests of tensor code, because they raise,
never matter, or are caught wherever their neighbours are: bit operators for arithmetic ones, `~`
and `not` for a sign, `is` for `==`, `//`, `%` and `**` but for their kin, and the two whose mutants
are random. A share of mutants caught is a stricter figure without them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from cosmic_ray.operators.number_replacer import NumberReplacer
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.plugins import get_operator, operator_names
from parso.python.tree import Keyword
from parso.tree import NodeOrLeaf

_ELEMENTARY = {"Add", "Sub", "Mul", "Div"}
_KIN = {"FloorDiv": {"Div", "Mod"}, "Mod": {"FloorDiv"}, "Pow": {"Mul"}}  # to: from
_ARITHMETIC = _ELEMENTARY | set(_KIN)
_GROUPS = (
    {"BitOr", "BitAnd", "BitXor"},
    {"Eq", "NotEq", "Lt", "LtE", "Gt", "GtE"},
    {"Is", "IsNot"},
)
_PAIR = re.compile(r"(?:Binary|Comparison)Operator_([A-Za-z]+)_([A-Za-z]+)$")
_LEFT_OUT = re.compile(
    r"UnaryOperator_\w+_(UAdd|Invert|Not)$|UnaryOperator_Invert_USub$"
    r"|ExceptionReplacer|RemoveDecorator|NumberReplacer|VariableReplacer|VariableInserter"
)
# Functions that keep the shape: where such a call is lost, only the values can tell.
_KEEPS_SHAPE = {
    *("abs", "clamp", "clamp_max", "clamp_min", "clip", "clone", "copy", "cumsum", "detach"),
    *("exp", "expm1", "flip", "float", "double", "log", "log1p", "neg", "reciprocal", "relu"),
    *("round", "rsqrt", "sigmoid", "sign", "sqrt", "square", "tanh", "tril", "triu"),
}


class Number(NumberReplacer):  # type: ignore[misc]
    """cosmic-ray's, which loses the white space before the number."""

    def mutate(self, node: Any, index: int) -> Any:
        new = super().mutate(node, index)
        new.value, new.prefix = new.value.strip(), node.prefix
        return new


class DropTerm(Operator):  # type: ignore[misc]
    """`a + b` -> `a`, `b`; `a * b` -> `a`, `b`; `a / b` -> `a`: a term or factor forgotten."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        for _ in self._droppable(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        at = list(self._droppable(node))[index]
        prefix = node.get_first_leaf().prefix
        # The first goes with the operator after it, except a minus, which becomes a sign.
        first, last = (at - 1, at + 1) if at else (0, 1 if node.children[1].value == "-" else 2)
        del node.children[first:last]
        node.get_first_leaf().prefix = prefix
        return node

    @staticmethod
    def _droppable(node: Any) -> Iterator[int]:
        if node.type not in ("arith_expr", "term"):
            return
        for at in range(0, len(node.children), 2):
            around = [
                c.value for c in node.children[max(at - 1, 0) : at + 2] if c.type == "operator"
            ]
            if "@" not in around and (at or around[0] in "+-*"):
                yield at

    @classmethod
    def examples(cls) -> Iterable[Example]:
        return (
            Example("a + b", "b"),
            Example("a + b", "a", occurrence=1),
            Example("y = a - b", "y = - b"),
            Example("y = a * b / c", "y = b / c"),
            Example("y = a * b / c", "y = a / c", occurrence=1),
            Example("y = a * b / c", "y = a * b", occurrence=2),
        )


class AugmentedAssignment(Operator):  # type: ignore[misc]
    """`a += b` -> `a = b`, `a -= b`: overwritten where it should accumulate, or the wrong way."""

    _opposite = {"+=": "-=", "-=": "+=", "*=": "/=", "/=": "*="}  # noqa: RUF012

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        if node.type == "operator" and node.value in self._opposite:
            yield node.start_pos, node.end_pos
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        node.value = ("=", self._opposite[node.value])[index]
        return node

    @classmethod
    def examples(cls) -> Iterable[Example]:
        return (Example("a += b", "a = b"), Example("a *= b", "a /= b", occurrence=1))


class DropStatement(Operator):  # type: ignore[misc]
    """A statement forgotten that changes what is already there, so that no name is missing."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        if node.type == "simple_stmt" and self._changes(node.children[0]):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        prefix = node.get_first_leaf().prefix
        node.children[0] = Keyword("pass", node.start_pos, prefix)
        return node

    @staticmethod
    def _changes(statement: Any) -> bool:
        if statement.type == "atom_expr":
            return bool(statement.children[-1].children[0].value == "(")
        if statement.type != "expr_stmt":
            return False
        target, *rest = statement.children
        if target.type == "name":  # x += 1, x = x + 1
            return rest[0].type == "operator" and (
                rest[0].value != "=" or any(_names(child, target.value) for child in rest)
            )
        return bool(target.type == "atom_expr")  # w[0] = x, self.w = x

    @classmethod
    def examples(cls) -> Iterable[Example]:
        return (
            Example("x[0] = 1\n", "pass\n"),
            Example("x += 1\n", "pass\n"),
            Example("x = f(x)\n", "pass\n"),
            Example("x.zero_()\n", "pass\n"),
        )


class DropCall(Operator):  # type: ignore[misc]
    """`x.clone()` -> `x`, `torch.exp(x)` -> `x`: a function forgotten that keeps the shape."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        if self._rest(node) is not None:
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        rest = self._rest(node)
        assert rest is not None
        prefix = node.get_first_leaf().prefix
        node.children[:] = rest
        node.get_first_leaf().prefix = prefix
        return node

    @staticmethod
    def _rest(node: Any) -> list[NodeOrLeaf] | None:
        if node.type != "atom_expr" or len(node.children) < 3:
            return None
        receiver: list[Any] = node.children[:-2]
        name, call = node.children[-2:]
        if name.children[0].value != "." or call.children[0].value != "(":
            return None
        if name.children[1].value not in _KEEPS_SHAPE:
            return None
        if [child.type for child in receiver] != ["name"] or receiver[0].value not in _MODULES:
            return receiver
        arguments = call.children[1]
        first = arguments.children[0] if arguments.type == "arglist" else arguments
        return None if first.type in ("operator", "argument") else [_parenthesised(first)]

    @classmethod
    def examples(cls) -> Iterable[Example]:
        return (
            Example("y = x.clone()", "y = x"),
            Example("y = 2 * torch.exp(x)", "y = 2 * x"),
            Example("y = 2 * torch.exp(a - b)", "y = 2 * (a - b)"),
            Example("y = x.clamp(min=0)", "y = x"),
        )


_MODULES = {"torch", "math", "np", "numpy"}


def _parenthesised(node: Any) -> NodeOrLeaf:
    if node.type in ("name", "number", "atom", "atom_expr"):
        return node  # type: ignore[no-any-return]
    node.get_first_leaf().prefix = ""
    return Keyword(f"({node.get_code()})", node.start_pos)


def _names(node: Any, name: str) -> bool:
    """Whether `name` occurs in `node`."""
    if hasattr(node, "children"):
        return any(_names(child, name) for child in node.children)
    return bool(node.type == "name" and node.value == name)


def _wanted(name: str) -> bool:
    if pair := _PAIR.search(name):
        old, new = pair.groups()
        if old in _ARITHMETIC:
            return new in _ELEMENTARY or old in _KIN.get(new, ())
        return any(old in group and new in group for group in _GROUPS)
    return not _LEFT_OUT.search(name)


OPERATORS: tuple[Operator, ...] = (
    *(get_operator(name)() for name in operator_names() if _wanted(name)),
    Number(),
    DropTerm(),
    AugmentedAssignment(),
    DropStatement(),
    DropCall(),
)
