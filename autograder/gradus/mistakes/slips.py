"""Slips of the pen: one place of a reference's function changed, with words for what that does.

A sign, an operator, an axis, a term or a factor forgotten. The words name the place by what stands
beside it, where that is short; no line of the solution is said.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import copy
from typing import Any, cast

LONGEST = 24  # characters of the solution that are said

_Slip = tuple[str, ast.AST]  # what is said, and what stands in the place

# For an operator its opposite, and what is said of it.
_OPPOSITE: dict[type[ast.operator], tuple[type[ast.operator], str]] = {
    ast.Add: (ast.Sub, "with − {0} for + {0}"),
    ast.Sub: (ast.Add, "with + {0} for − {0}"),
    ast.Mult: (ast.Div, "divided by {0}, not multiplied"),
    ast.Div: (ast.Mult, "multiplied by {0}, not divided"),
}
_ORDER: dict[type[ast.cmpop], str] = {ast.Lt: "<", ast.LtE: "≤", ast.Gt: ">", ast.GtE: "≥"}
# Functions that are taken for others of the same shape, and some that may be forgotten.
_TAKEN_FOR = {
    **{"sum": "mean", "mean": "sum", "max": "min", "min": "max", "any": "all", "all": "any"},
    **{"amax": "amin", "amin": "amax", "argmax": "argmin", "argmin": "argmax", "sin": "cos"},
    **{"maximum": "minimum", "minimum": "maximum", "tril": "triu", "triu": "tril", "cos": "sin"},
    **{"floor": "ceil", "ceil": "floor", "log": "log2", "exp": "exp2", "square": "abs"},
    **{"log1p": "log", "expm1": "exp", "var": "std", "std": "var", "rsqrt": "sqrt"},
}
_FORGOTTEN = {
    *("abs", "clamp", "clamp_max", "clamp_min", "clip", "cumsum", "exp", "flip", "log", "neg"),
    *("reciprocal", "round", "rsqrt", "sigmoid", "sign", "sqrt", "square", "tanh", "tril", "triu"),
    *("permute", "transpose", "movedim", "swapaxes"),
}
_ALONG_AXES = {"sum", "mean", "amax", "amin", "argmax", "argmin", "any", "all", "var", "std", "max"}
_MODULES = ("torch", "math")


def slips(source: str, first_line: int = 1) -> Iterator[tuple[str, str]]:
    """What is said of a slip, and the function's source with it; `first_line` is the first that
    may be changed."""
    tree = ast.parse(source)
    seen = {ast.unparse(tree)}
    for says, text in _of_whole(source, first_line):
        if text not in seen:
            seen.add(text)
            yield f"what it should be {says}", text
    for parent, field, at, node in _places(tree.body[0]):
        if getattr(node, "lineno", 0) < first_line:
            continue
        for says, new in (*_of_expression(node), *_of_statement(node)):
            _put(parent, field, at, new)
            text = ast.unparse(tree)
            _put(parent, field, at, node)
            if text not in seen:
                seen.add(text)
                yield f"what it should be {says}", text


def _of_whole(source: str, first_line: int) -> Iterator[tuple[str, str]]:
    """What changes in several places at once: an index that is left out, wherever it stands."""
    tree = ast.parse(source)
    indexed: dict[str, list[ast.Subscript]] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(_, ast.Name(index), ast.Load()) if node.lineno >= first_line:
                indexed.setdefault(index, []).append(node)
    for index, nodes in indexed.items():
        for node in nodes:
            node.slice = ast.Constant(...)
        nodes.sort(key=lambda node: (node.lineno, node.col_offset))
        names = ", ".join(dict.fromkeys(_shown(node.value) for node in nodes))
        yield f"with all of {names} wherever it takes those at {index}", ast.unparse(tree)
        for node in nodes:
            node.slice = ast.Name(index, ast.Load())


def _places(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Every node below that computes, with its parent, the parent's field and the place in it."""
    for field, value in ast.iter_fields(node):
        if isinstance(node, ast.Raise | ast.arguments):
            continue
        children = value if isinstance(value, list) else [value]
        for at, child in enumerate(children):
            if isinstance(child, ast.AST):
                yield node, field, at if isinstance(value, list) else None, child
                yield from _places(child)


def _put(parent: ast.AST, field: str, at: int | None, node: ast.AST) -> None:
    if at is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[at] = node


def _of_expression(node: ast.AST) -> Iterator[_Slip]:
    match node:
        case ast.BinOp():
            yield from _of_operator(node)
            yield from _without_brackets(node)
            yield from _at_the_other(node)
        case ast.UnaryOp(ast.USub(), operand) if not isinstance(operand, ast.Constant):
            yield f"without the minus before {_shown(operand)}", operand
        case ast.UnaryOp(ast.Not() | ast.Invert(), operand):
            yield f"for {_shown(operand)}, not for its opposite", operand
        case ast.Compare(left, [op], [right]) if type(op) in _ORDER:
            for other, sign in _ORDER.items():
                says = f"with {sign} for {_ORDER[type(op)]} before {_shown(right)}"
                yield says, ast.Compare(left, [other()], [right])
            for words, number in _numbers(right, left):
                yield words, ast.Compare(left, [op], [number])
        case ast.BoolOp(op, [*values]):
            for at, value in enumerate(values):
                rest = values[:at] + values[at + 1 :]
                left = rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
                yield f"without the condition {_shown(value)}", left
        case ast.Attribute(value, "T" | "mT") | ast.Call(ast.Attribute(value, "t")):
            yield f"with {_shown(value)} not transposed", value
            text = ast.unparse(value)
            reshaped = ast.parse(f"({text}).reshape(({text}).mT.shape)").body[0]
            yield f"with {_shown(value)} reshaped, not transposed", cast(ast.Expr, reshaped).value
        case ast.Subscript(value, ast.Tuple([*places]), ast.Load()):
            for at, place in enumerate(places):
                if isinstance(place, ast.Name):
                    rest = [*places[:at], ast.Slice(), *places[at + 1 :]]
                    words = f"with all along axis {at}, not those at {place.id}"
                    yield words, ast.Subscript(value, ast.Tuple(rest), ast.Load())
        case ast.Call():
            yield from _of_call(node)
        case ast.IfExp(test, body, orelse):
            yield f"whether or not {_shown(test)}", body
            yield f"whether or not {_shown(test)}", orelse


def _of_operator(node: ast.BinOp) -> Iterator[_Slip]:
    left, op, right = node.left, node.op, node.right
    one, two = _shown(left), _shown(right)
    if type(op) in _OPPOSITE:
        other, words = _OPPOSITE[type(op)]
        yield words.format(two), ast.BinOp(left, other(), right)
    for words, number in _numbers(right, left):
        yield words, ast.BinOp(left, op, number)
    for words, number in _numbers(left, right):
        yield words, ast.BinOp(number, op, right)
    match op:
        case ast.Add():
            yield f"without + {two}", left
            yield f"without {one} +", right
            yield from _twice(node, right)
            yield from _twice(node, left)
        case ast.Sub():
            yield f"without − {two}", left
            yield f"without {one} before − {two}", ast.UnaryOp(ast.USub(), right)
            yield from _twice(node, right)
            yield f"with {one} taken twice", ast.BinOp(left, ast.Add(), node)
        case ast.Mult():
            yield f"without the factor {two}", left
            yield f"without the factor {one}", right
            yield from _twice(node, right)
            yield from _twice(node, left)
        case ast.Div():
            yield f"if nothing were divided by {two}", left
            yield f"with {one} and {two} the other way round", ast.BinOp(right, op, left)
            yield from _twice(node, right)
            yield f"with {one} / {two} rounded down", ast.BinOp(left, ast.FloorDiv(), right)
            root = ast.BinOp(right, ast.Pow(), ast.Constant(0.5))
            yield f"divided by the root of {two}", ast.BinOp(left, op, root)
        case ast.Pow():
            yield f"without the power {two}", left
            yield f"with {two} as a factor, not as a power", ast.BinOp(left, ast.Mult(), right)
        case ast.FloorDiv():
            up = ast.BinOp(ast.UnaryOp(ast.USub(), left), op, right)
            yield f"with {one} / {two} rounded up", ast.UnaryOp(ast.USub(), up)
        case ast.BitAnd() | ast.BitOr():
            yield f"without the condition {two}", left
            yield f"without the condition {one}", right


def _at_the_other(node: ast.BinOp) -> Iterator[_Slip]:
    """The factor of one term at the other: u + βg for βu + g."""
    one, two = node.left, node.right
    words = "with the factor {} at {}, not at {}"
    match one, node.op:
        case ast.BinOp(factor, ast.Mult(), rest), ast.Add() | ast.Sub():
            moved = ast.BinOp(rest, node.op, ast.BinOp(factor, ast.Mult(), two))
            yield words.format(*map(_shown, (factor, two, rest))), moved
    match two, node.op:
        case ast.BinOp(factor, ast.Mult(), rest), ast.Add() | ast.Sub():
            moved = ast.BinOp(ast.BinOp(factor, ast.Mult(), one), node.op, rest)
            yield words.format(*map(_shown, (factor, one, rest))), moved


_SUM, _PRODUCT = (ast.Add, ast.Sub), (ast.Mult, ast.Div, ast.MatMult)


def _without_brackets(node: ast.BinOp) -> Iterator[_Slip]:
    """Of a sum only what stands next to a factor, a divisor or a power has it; of two divisors only
    the first divides."""
    match node:
        case ast.BinOp(ast.BinOp(first, op, last), outer, right) if isinstance(op, _SUM):
            if isinstance(outer, (*_PRODUCT, ast.Pow)):
                regrouped = ast.BinOp(first, op, ast.BinOp(last, outer, right))
                yield f"without the brackets around {_shown(node.left)}", regrouped
    match node:
        case ast.BinOp(left, outer, ast.BinOp(first, op, last)) if isinstance(outer, _PRODUCT):
            if isinstance(op, _SUM) or (isinstance(outer, ast.Div) and isinstance(op, _PRODUCT)):
                regrouped = ast.BinOp(ast.BinOp(left, outer, first), op, last)
                yield f"without the brackets around {_shown(node.right)}", regrouped


def _twice(node: ast.BinOp, part: ast.expr) -> Iterator[_Slip]:
    """The same with one of its terms or factors once more."""
    if isinstance(part, ast.Constant):
        return
    words = "divided by {0} twice" if isinstance(node.op, ast.Div) else "with {0} taken twice"
    yield words.format(_shown(part)), ast.BinOp(node, node.op, part)


def _numbers(node: ast.expr, beside: ast.expr) -> Iterator[tuple[str, ast.Constant]]:
    """Other numbers in the place of one."""
    value = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    for other in (value + 1, value - 1) if isinstance(value, int) else (2 * value, value / 2):
        yield f"with {other:g} for {value:g} beside {_shown(beside)}", ast.Constant(other)


def _of_call(node: ast.Call) -> Iterator[_Slip]:
    match node.func:
        case ast.Attribute(value, name):
            of_module = isinstance(value, ast.Name) and value.id in _MODULES
            if name in _TAKEN_FOR:
                function = ast.Attribute(value, _TAKEN_FOR[name], ast.Load())
                words = f"with {_TAKEN_FOR[name]} for {name}"
                yield words, ast.Call(function, node.args, node.keywords)
            if isinstance(value, ast.BinOp):  # (a − b).sum(0)
                of_last = ast.Call(ast.Attribute(value.right, name), node.args, node.keywords)
                regrouped = ast.BinOp(value.left, value.op, of_last)
                yield f"without the brackets around {_shown(value)}", regrouped
            if name in _FORGOTTEN and (node.args or not of_module):
                yield f"without {name}", node.args[0] if of_module else value
            if name in _ALONG_AXES:
                yield from _along_others(node, int(of_module))
        case ast.Name("min" | "max" as name) if len(node.args) == 2:
            for at in (0, 1):
                yield f"without the bound {_shown(node.args[1 - at])}", node.args[at]
            other = ast.Name(_TAKEN_FOR[name], ast.Load())
            yield f"with {other.id} for {name}", ast.Call(other, node.args, [])
        case ast.Name("abs" | "round" as name):
            yield f"without {name}", node.args[0]


def _along_others(node: ast.Call, at: int) -> Iterator[_Slip]:
    """The call along other axes, and over all of them; `at` is the place of the axis."""
    given = {k.arg: k.value for k in node.keywords}
    axis = given.get("dim", node.args[at] if len(node.args) > at else None)
    if axis is None:
        return
    for other in (None, 0, 1, -1):
        words = "over all axes" if other is None else f"along axis {other}"
        new = copy(node)
        new.args = [*node.args[:at], *node.args[at + 1 :]]
        rest = [keyword for keyword in node.keywords if keyword.arg != "dim"]
        new.keywords = [ast.keyword("dim", ast.Constant(other)), *rest]
        if ast.unparse(axis) != str(other):
            yield f"{words}, not {_shown(axis)}", new


def _of_statement(node: ast.AST) -> Iterator[_Slip]:
    match node:
        case ast.AugAssign(target, op, value):
            name = ast.unparse(target)
            overwritten = ast.parse(f"{name} = {ast.unparse(value)}").body[0]
            yield f"if {_shown(target)} were overwritten, not changed", overwritten
            if type(op) in _OPPOSITE:
                other, words = _OPPOSITE[type(op)]
                yield words.format(_shown(value)), ast.AugAssign(target, other(), value)
        case ast.If(test, [*body], orelse) if not any(isinstance(s, ast.Raise) for s in body):
            yield f"without the case {_shown(test)}", ast.If(ast.Constant(False), body, orelse)
            yield f"as if always {_shown(test)}", ast.If(ast.Constant(True), body, orelse)
        case ast.Assign([ast.Subscript() as target]):
            yield f"if {_shown(target)} were not set", ast.Pass()
        case ast.Assign([ast.Name() | ast.Tuple() as target], value):
            yield from _of_names(node, [n.id for n in ast.walk(target) if isinstance(n, ast.Name)])


def _of_names(node: ast.Assign, names: list[str]) -> Iterator[_Slip]:
    """What is set not changed, or one number in all of its places."""
    for name in names:
        if name in _loaded(node.value) and len(names) == 1:
            yield f"if {name} were not changed after it is first set", ast.Pass()
        mean = ast.parse(f"{name} = {name}.mean()").body
        says = f"with the mean of all of {name} in the place of each"
        yield says, ast.If(ast.Constant(True), [node, *mean], [])


def _loaded(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _shown(node: Any) -> str:
    """A part of the solution where it is short."""
    text = ast.unparse(node).replace("**", "^").replace(" * ", " · ").replace("-", "−")
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.Compare):
        text = f"({text})"
    return text if len(text) <= LONGEST else "(…)"
