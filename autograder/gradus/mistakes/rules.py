"""Changes of the reference that need no writing, with words for what they do.

They speak only when no written mistake explains a check, and only when they explain all of it.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from gradus.mistakes.reference import Reference

GRADIENTS = "__gradients__"  # in a module: the positions of the inputs whose gradients are asked

Names = dict[str, Any]
Wrap = Callable[[Names], None]
# What is done in place of a call: the function, and what it is given.
Instead = Callable[[Callable[..., Any], inspect.BoundArguments], Any]


@dataclass(frozen=True)
class Change:
    """What is said of it, the functions replaced, a wrapper, and the argument that it is about."""

    says: str
    parts: dict[str, str] = field(default_factory=dict)
    wrap: Wrap | None = None
    argument: str = ""


def changes_by_rule(reference: Reference, function: str) -> Iterator[Change]:
    """The changes for one function, the simplest first."""
    tree = ast.parse(reference.functions[function]).body[0]
    if not isinstance(tree, ast.FunctionDef):
        return
    stem = function.removesuffix("_backward")
    if function.endswith("_backward") and f"{stem}_forward" in reference.functions:
        forward = ast.parse(reference.functions[f"{stem}_forward"]).body[0]
        if isinstance(forward, ast.FunctionDef):
            for change in _arguments(forward, f"{stem}_forward"):
                yield replace(change, argument="")  # gradients need not depend on it
            yield from _constants(reference, forward, stem)
            yield from _one_row(function)
            yield from _cached(forward, f"{stem}_forward")
    yield from _arguments(tree, function)
    yield from _words(reference, tree)
    yield from _neighbours(reference, function)
    yield from _state(tree, function)
    for says, text in _loops(tree):
        yield Change(says, {function: text})


# An argument replaced: what is said, and the other value, or None where there is none.
_REPLACED: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("{0} = 0", lambda v: _scaled(v, 0)),
    ("{0} = 1", lambda v: torch.ones_like(v) if _is_float(v) else _one(v)),
    ("−{0} for {0}", lambda v: _scaled(v, -1)),
    ("2 · {0} for {0}", lambda v: _scaled(v, 2)),
    ("{0} / 2 for {0}", lambda v: _scaled(v, 0.5) if not _is_integer(v) else None),
    ("{0} + 1 for {0}", lambda v: v + 1 if _is_integer(v) else None),
    ("{0} − 1 for {0}", lambda v: v - 1 if _is_integer(v) and v > 0 else None),
    ("|{0}| for {0}", lambda v: abs(v) if _is_float(v) or _is_number(v) else None),
    ("max({0}, 0) for {0}", lambda v: v.clamp(min=0) if _is_float(v) else None),
    ("1 − {0} for {0}", lambda v: 1 - v if _is_float(v) or isinstance(v, float) else None),
    ("{0}² for {0}", lambda v: v * v if _is_float(v) or isinstance(v, float) else None),
    ("{0} in reverse order", lambda v: v[::-1] if _is_row(v) else None),
    ("{0}, each moved on by one place", lambda v: [*v[-1:], *v[:-1]] if _is_row(v) else None),
    ("{0}, each moved back by one place", lambda v: [*v[1:], *v[:1]] if _is_row(v) else None),
    ("the first entry of {0} twice", lambda v: (v[0], v[0]) if _is_pair(v) else None),
    ("the second entry of {0} twice", lambda v: (v[1], v[1]) if _is_pair(v) else None),
    ("{0} sorted, torn from its partners", lambda v: v.sort(0)[0] if _has_rows(v) else None),
    ("the first column of {0} alone", lambda v: _first_column(v) if _is_float(v) else None),
    ("the first of {0} for all of them", lambda v: _first(v) if _has_rows(v) else None),
    ("not {0}", lambda v: not v if isinstance(v, bool) else None),
    ("{0} without its last row", lambda v: v[:-1] if _has_rows(v) else None),
    ("{0} without its last entry", lambda v: v[:-1] if _has_entries(v) else None),
)


def _arguments(tree: ast.FunctionDef, function: str) -> Iterator[Change]:
    arguments = [a.arg for a in (*tree.args.args, *tree.args.kwonlyargs)]
    names = [n for n in arguments if n not in ("cache", "state")]
    defaults = dict(
        zip([a.arg for a in tree.args.args][::-1], tree.args.defaults[::-1], strict=False)
    )
    for name in names:
        if name in defaults:
            value = ast.literal_eval(defaults[name]) if _is_literal(defaults[name]) else None
            if value is not None:
                says = f"what it should be for {name} = {value}, its default"
                yield Change(says, wrap=_replacing(function, name, _always(value)), argument=name)
                if isinstance(value, int | float):
                    says = f"{name} = 0 is taken for none, and its default, {value}, comes instead"
                    yield Change(says, wrap=_replacing(function, name, _instead_of_zero(value)))
    for words, other in _REPLACED:  # that something is not used, before that it comes twice
        for name in names:
            says = f"what it should be for {words.format(name)}"
            yield Change(says, wrap=_replacing(function, name, other), argument=name)
    for name in names:
        says = f"what it should be for {name} = N, the number of rows"
        yield Change(says, wrap=_calling_with(function, partial(_all_rows_for, name)))
        says = f"what it should be for N · {name} for {name}"
        yield Change(says, wrap=_calling_with(function, partial(_times_rows, name)))
        for by in ("N", *names):
            says = f"what it should be for {name} / {by} for {name}"
            yield Change(says, wrap=_calling_with(function, partial(_divided, name, by)))
    for which, at in (("last", -1), ("first", 0)):
        says = f"only the {which} row counts: all of them should"
        yield Change(says, wrap=_calling_with(function, partial(_keep_row, at)))
        yield Change(says, wrap=_wrapping(function, partial(_of_all_rows, at)))
        says = f"the {which} row is left out: it counts, too"
        yield Change(says, wrap=_calling_with(function, partial(_drop_row, at)))
    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            says = f"what it should be with {first} and {second} swapped"
            yield Change(says, wrap=_swapping(function, first, second))


def _words(reference: Reference, tree: ast.FunctionDef) -> Iterator[Change]:
    """An argument that is a word, and another word in its place: a choice that is not used."""
    arguments = {a.arg for a in (*tree.args.args, *tree.args.kwonlyargs)}
    for name, words in reference.words().items():
        for word in words if name in arguments else ():
            says = f"what it should be for {name} = {word!r}"
            yield Change(says, wrap=_replacing(tree.name, name, partial(_another_word, word)))


def _another_word(word: str, value: Any) -> str | None:
    return word if isinstance(value, str) else None


def _neighbours(reference: Reference, function: str) -> Iterator[Change]:
    """Another function of the topic that takes the same, copied."""
    parameters = reference.parameters()
    for other, names in parameters.items():
        alike = other != function and names == parameters.get(function)
        if alike and "cache" not in names and "state" not in names:
            wrap = partial(_copying, function, other)
            yield Change(f"this is what {other} returns", wrap=wrap)


def _copying(function: str, other: str, names: Names) -> None:
    names[function] = names[other]


def _keep_row(at: int, arguments: dict[str, Any]) -> None:
    """Of all tensors that are as long as the first one, one row."""
    arguments.update({name: v[at:][:1] for name, v in _with_rows(arguments)})


def _drop_row(at: int, arguments: dict[str, Any]) -> None:
    """The opposite; of one row none is left."""
    if _rows(arguments) < 2:
        raise Unchanged
    kept = slice(None, -1) if at else slice(1, None)
    arguments.update({name: v[kept] for name, v in _with_rows(arguments)})


def _with_rows(arguments: dict[str, Any]) -> list[tuple[str, Tensor]]:
    tensors = [(n, v) for n, v in arguments.items() if isinstance(v, Tensor) and v.ndim]
    return [(n, v) for n, v in tensors if len(v) == _rows(arguments)]


def _all_rows_for(name: str, arguments: dict[str, Any]) -> None:
    rows = _rows(arguments)
    if not _is_integer(arguments.get(name)) or rows > _MOST_ROWS:
        raise Unchanged
    arguments[name] = rows


def _times_rows(name: str, arguments: dict[str, Any]) -> None:
    if not isinstance(arguments.get(name), float):
        raise Unchanged
    arguments[name] *= _rows(arguments)


_MOST_ROWS = 1000  # so many for each of so many rows would take long


def _divided(name: str, divisor: str, arguments: dict[str, Any]) -> None:
    value, by = arguments.get(name), {"N": _rows(arguments), **arguments}.get(divisor)
    if not isinstance(value, float) or not isinstance(by, int) or by < 2:
        raise Unchanged
    arguments[name] = value / by


def _rows(arguments: dict[str, Any]) -> int:
    """The length of the first tensor."""
    return next((len(v) for v in arguments.values() if isinstance(v, Tensor) and v.ndim), 1)


def _of_all_rows(at: int, function: Callable[..., Any], given: inspect.BoundArguments) -> Any:
    """One row's part of a mean over all of them: each row has overwritten the one before."""
    rows = _rows(given.arguments)
    _keep_row(at, given.arguments)
    value = function(*given.args, **given.kwargs)
    mean, *more = value if isinstance(value, tuple) else (value,)
    if not isinstance(mean, Tensor) or mean.ndim:
        raise Unchanged
    return (mean / rows, *more) if more else mean / rows


def _always(value: Any) -> Callable[[Any], Any]:
    return lambda given: value


def _instead_of_zero(default: float) -> Callable[[Any], Any]:
    def other(value: Any) -> Any:
        return default if isinstance(value, int | float) and value == 0 else value

    return other


class Unchanged(Exception):
    """A change that changes nothing here."""


def _replacing(function: str, name: str, other: Callable[[Any], Any]) -> Wrap:
    def change(arguments: dict[str, Any]) -> None:
        value = other(arguments[name]) if name in arguments else None
        if value is None:
            raise Unchanged
        arguments[name] = value

    return _calling_with(function, change)


_LARGEST_SIZE = 100_000  # a seed in the place of a size would take all memory


def _swapping(function: str, first: str, second: str) -> Wrap:
    def change(arguments: dict[str, Any]) -> None:
        a, b = arguments.get(first), arguments.get(second)
        if a is None or not (type(a) is type(b) or (_is_number(a) and _is_number(b))):
            raise Unchanged
        if isinstance(a, int) and isinstance(b, int) and max(a, b) > _LARGEST_SIZE:
            raise Unchanged
        if isinstance(a, Tensor) and isinstance(b, Tensor) and a.shape != b.shape:
            raise Unchanged
        arguments[first], arguments[second] = b, a

    return _calling_with(function, change)


def _calling_with(function: str, change: Callable[[dict[str, Any]], None]) -> Wrap:
    def instead(original: Callable[..., Any], given: inspect.BoundArguments) -> Any:
        change(given.arguments)
        return original(*given.args, **given.kwargs)

    return _wrapping(function, instead)


def _wrapping(function: str, instead: Instead) -> Wrap:
    def wrap(names: Names) -> None:
        original = names[function]
        signature = inspect.signature(original)

        def changed(*args: Any, **kwargs: Any) -> Any:
            given = signature.bind(*args, **kwargs)
            given.apply_defaults()
            return instead(original, given)

        names[function] = changed

    return wrap


def _one_row(backward: str) -> Iterator[Change]:
    """Gradients that a loop over the rows overwrites, in place of adding them up: all that rows
    share, the vectors among them, or one."""
    for which, at in (("last", -1), ("first", 0)):
        says = f"only the {which} row of dout counts: add up what comes from all of them"
        for place in ("shared", "vectors", 0, 1, 2):
            yield Change(says, wrap=_wrapping(backward, partial(_from_row, at, place)))


def _from_row(
    at: int, place: str | int, backward: Callable[..., Any], given: inspect.BoundArguments
) -> Any:
    dout, cache = given.args
    gradients, tree = tree_flatten(backward(dout, cache))
    if dout.ndim == 0 or (isinstance(place, int) and place >= len(gradients)):
        raise Unchanged
    alone = torch.zeros_like(dout)
    alone[at] = dout[at]
    of_row = tree_flatten(backward(alone, cache))[0]
    for n, gradient in enumerate(gradients):
        shared = gradient.shape[:1] != dout.shape[:1]
        if place in (n, "shared" if shared else n, "vectors" if gradient.ndim == 1 else n):
            gradients[n] = of_row[n]
    return tree_unflatten(gradients, tree)


def _cached(tree: ast.FunctionDef, forward: str) -> Iterator[Change]:
    """Something else that is at hand in the place of what the forward puts into its cache."""
    last = tree.body[-1]
    value = last.value if isinstance(last, ast.Return) else None
    if not isinstance(value, ast.Tuple) or len(value.elts) < 2:
        return
    cache = value.elts[1]
    kept = cache.elts if isinstance(cache, ast.Tuple) else [cache]
    at_hand = ["out", *(a.arg for a in tree.args.args)]
    for place, node in enumerate(kept):
        at = place if node is not cache else None
        name = node.id if isinstance(node, ast.Name) else ""
        for other in at_hand if name else ():
            if other != name:
                says = f"what it should be if the cache held {other} for {name}"
                yield Change(says, wrap=_wrapping(forward, partial(_caching, at, other)))


def _caching(
    at: int | None, other: str, forward: Callable[..., Any], given: inspect.BoundArguments
) -> Any:
    out, cache, *more = forward(*given.args, **given.kwargs)
    at_hand = {"out": out, **given.arguments}
    before, instead = cache if at is None else cache[at], at_hand.get(other)
    floats = _is_float(instead) and _is_float(before)
    if not floats or getattr(instead, "shape", None) != before.shape:
        raise Unchanged
    cache = instead if at is None else (*cache[:at], instead, *cache[at + 1 :])
    return out, cache, *more


def _state(tree: ast.FunctionDef, function: str) -> Iterator[Change]:
    """An update that returns (params, state)."""
    if {"params", "state"} <= {a.arg for a in tree.args.args}:
        for says, result in _RESULTS:
            yield Change(says, wrap=_wrapping(function, partial(_returning, result)))


def _returning(
    result: Callable[..., Any], update: Callable[..., Any], given: inspect.BoundArguments
) -> Any:
    params, state = update(*given.args, **given.kwargs)
    return result(params, state, given.arguments)


def _all_but(at: int, params: Any, state: Any, given: dict[str, Any]) -> Any:
    """The parameters as they came, but for one of them, and the state."""
    if not isinstance(params, list) or len(params) < 2:
        raise Unchanged
    kept = list(given["params"])
    kept[at] = params[at]
    return kept, state


# What an update may return: of the new params, the new state and what was given.
_RESULTS: tuple[tuple[str, Callable[..., Any]], ...] = (
    (
        "the state is returned as it came: the next step needs the new one",
        lambda params, state, given: (params, given["state"]),
    ),
    (
        "the parameters are returned as they came",
        lambda params, state, given: (given["params"], state),
    ),
    ("only the last of the parameters is updated", partial(_all_but, -1)),
    ("only the first of the parameters is updated", partial(_all_but, 0)),
)


def _loops(tree: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """What goes wrong in a `for`: the function's source with one of its loops changed."""
    count = sum(isinstance(node, ast.For) for node in ast.walk(tree))
    for at in range(count):
        for says, change in (
            ("the last pass of the loop is left out", "list({0})[:-1]"),
            ("the first pass of the loop is left out", "list({0})[1:]"),
            ("only the first pass of the loop counts: does it end too early?", "list({0})[:1]"),
        ):
            copy = ast.parse(ast.unparse(tree))
            loop = [node for node in ast.walk(copy) if isinstance(node, ast.For)][at]
            loop.iter = ast.parse(change.format(ast.unparse(loop.iter)), mode="eval").body
            yield says, ast.unparse(copy)
        copy = ast.parse(ast.unparse(tree))
        loop = [node for node in ast.walk(copy) if isinstance(node, ast.For)][at]
        if isinstance(loop.iter, ast.Call) and ast.unparse(loop.iter.func) == "range":
            end = loop.iter.args[min(1, len(loop.iter.args) - 1)]
            end_plus_one = ast.parse(f"({ast.unparse(end)}) + 1", mode="eval").body
            loop.iter.args[min(1, len(loop.iter.args) - 1)] = end_plus_one
            yield "the loop makes one pass too many", ast.unparse(copy)
        if len(loop.body) > 1:
            copy = ast.parse(ast.unparse(tree))
            _end_last_line(copy, at)
            says = (
                "the last line of a loop counts once: it overwrites (= for +=), or stands after it"
            )
            yield says, ast.unparse(copy)


def _end_last_line(tree: ast.AST, at: int) -> None:
    """Put the last line of its loop number `at` behind that loop."""
    loop = [node for node in ast.walk(tree) if isinstance(node, ast.For)][at]
    for node in ast.walk(tree):
        for _, lines in ast.iter_fields(node):
            if isinstance(lines, list) and loop in lines:
                lines.insert(lines.index(loop) + 1, loop.body.pop())
                return


def _constants(reference: Reference, forward: ast.FunctionDef, stem: str) -> Iterator[Change]:
    """The gradients when a line of the forward is held constant on the way back."""
    for at, statement in enumerate(forward.body):
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        target = statement.targets[0]
        if not isinstance(target, ast.Name):
            continue
        body = [*forward.body]
        held = f"{target.id} = torch.as_tensor({target.id}).detach()"
        body.insert(at + 1, ast.parse(held).body[0])
        copy = ast.parse(ast.unparse(forward)).body[0]
        assert isinstance(copy, ast.FunctionDef)
        copy.body = [*(ast.parse(ast.unparse(s)).body[0] for s in _without_docstring(body))]
        says = (
            f"what it should be if {target.id} were a constant: the path through {target.id} is "
            "missing"
        )
        parts = {f"{stem}_forward": ast.unparse(copy)}
        yield Change(says, parts, gradients_of_own_forward(stem))


def gradients_of_own_forward(stem: str) -> Wrap:
    """Autograd through the module's own `{stem}_forward` in place of its backward."""

    def wrap(names: Names) -> None:
        original = names[f"{stem}_forward"]

        def forward(*args: Any, **kwargs: Any) -> Any:
            leaves, spec = tree_flatten(args)
            own = [
                x.clone().requires_grad_() if isinstance(x, Tensor) and x.is_floating_point() else x
                for x in leaves
            ]
            with torch.enable_grad():
                out, _, *more = original(*tree_unflatten(own, spec), **kwargs)
            detached = tree_map(lambda v: v.detach() if isinstance(v, Tensor) else v, more)
            return out.detach(), (out, tree_unflatten(own, spec)), *detached

        def backward(dout: Tensor, cache: Any) -> Any:
            out, inputs = cache
            wanted, expected = tree_flatten(inputs)
            own = [x for x in wanted if isinstance(x, Tensor) and x.requires_grad]
            # Of a scalar: with grad_outputs, torch's first call imports sympy, which takes seconds.
            scalar = (out * dout).sum()
            grads = iter(
                torch.autograd.grad(
                    scalar, own, retain_graph=True, allow_unused=True, materialize_grads=True
                )
            )
            filled = [
                next(grads) if isinstance(x, Tensor) and x.requires_grad else None for x in wanted
            ]
            tree = tree_unflatten(filled, expected)
            found = tuple(tree[at] for at in names[GRADIENTS])
            return found[0] if len(found) == 1 else found

        names[f"{stem}_forward"], names[f"{stem}_backward"] = forward, backward

    return wrap


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return body[1:] if is_text else body


def _scaled(value: Any, factor: float) -> Any:
    if isinstance(value, list | tuple | dict):
        tensors = [x for x in tree_flatten(value)[0] if _is_float(x)]
        return tree_map(lambda x: factor * x if _is_float(x) else x, value) if tensors else None
    if _is_float(value) or (isinstance(value, float) and value == value):
        return factor * value
    if _is_integer(value):
        return int(factor * value)
    return None


def _one(value: Any) -> Any:
    return type(value)(1) if isinstance(value, float) or _is_integer(value) else None


def _is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _has_rows(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim > 0 and len(value) > 1


def _is_pair(value: Any) -> bool:
    return _is_row(value) and len(value) == 2


def _is_row(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_number, value))


def _has_entries(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) > 1


def _first(value: Tensor) -> Tensor | None:
    return value[:1].expand_as(value).clone() if value.ndim == 1 else None


def _first_column(value: Tensor) -> Tensor | None:
    """0 in the others."""
    if value.ndim != 2 or value.shape[1] < 2:
        return None
    alone = torch.zeros_like(value)
    alone[:, 0] = value[:, 0]
    return alone


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True
