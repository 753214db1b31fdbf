"""The wrong answers that are recorded: written mistakes, pairs of them, changes by rule, slips."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from typing import Any

from gradus.checks.known import Kind
from gradus.mistakes.read import Mistake, MistakeError, Mistakes
from gradus.mistakes.reference import Reference
from gradus.mistakes.rules import Change, changes_by_rule, gradients_of_own_forward
from gradus.mistakes.slips import slips

Names = dict[str, Any]
PAIRS = 250  # of a function's mistakes that are recorded, at most


@dataclass(frozen=True)
class Variant:
    """A wrong answer for `function`, and what is said about it.

    `parts` replace functions of the reference, `wrap` changes the module that results. `argument`
    is the one that a rule replaces.
    """

    kind: Kind
    function: str
    said: tuple[str, ...]
    parts: dict[str, str] = field(default_factory=dict)
    wrap: Callable[[Names], None] | None = None
    argument: str = ""

    def names(self, reference: Reference) -> Names:
        """The module, run here; whatever that raises is raised."""
        names = reference.namespace(self.parts)
        if self.wrap is not None:
            self.wrap(names)
        return names


def variants(reference: Reference, written: Mistakes, functions: Sequence[str]) -> list[Variant]:
    """All that are recorded, the written ones first. `functions` are those that students write."""
    told = [m for m in written.mistakes if m.says]
    found = [
        Variant("mistake", m.function, (m.says,) if m.says else (), reference.parts(m))
        for m in written.mistakes
        if m.says or m.edits  # a whole answer without a sentence may end the process
    ]
    written_out = list(_written_out(reference, told, functions))
    found += written_out
    found += [Variant("pair", *pair) for pair in pairs(reference, told)]
    of_forwards = [(m.function, m.says, reference.parts(m)) for m in told]
    of_forwards += [(one.function, one.said[0], one.parts) for one in written_out]
    for forward, says, parts in of_forwards:
        stem = forward.removesuffix("_forward")
        backward = f"{stem}_backward"
        if forward != stem and backward in functions and backward not in parts:
            said = (forward, says)
            found.append(Variant("forward", backward, said, parts))
            found.append(Variant("forward", backward, said, parts, gradients_of_own_forward(stem)))
    for function in functions:
        stem = function.removesuffix("_forward")
        if function.endswith("_forward") and f"{stem}_backward" in functions:
            found += _beside(reference, stem)
        for c in changes_by_rule(reference, function):
            found.append(Variant("rule", function, (c.says,), c.parts, c.wrap, c.argument))
    for function in functions:
        found += [
            Variant("slip", function, (c.says,), c.parts) for c in _slips(reference, function)
        ]
    return found


def _slips(reference: Reference, function: str) -> Iterator[Change]:
    for says, text in slips(reference.functions[function], reference.first_line(function)):
        yield Change(says, {function: text})


def _beside(reference: Reference, stem: str) -> Iterator[Variant]:
    """A right backward beside a forward that a rule or a slip has changed: with its own formulas,
    and with the gradients of that forward."""
    forward = f"{stem}_forward"
    for c in (*changes_by_rule(reference, forward), *_slips(reference, forward)):
        said, wraps = (forward, c.says), [c.wrap] if c.wrap else []
        for more in ([], [gradients_of_own_forward(stem)]):
            wrap = partial(_wrapped, [*wraps, *more])
            yield Variant("forward rule", f"{stem}_backward", said, c.parts, wrap)


def _wrapped(wraps: Sequence[Callable[[Names], None]], names: Names) -> None:
    for wrap in wraps:
        wrap(names)


def _written_out(
    reference: Reference, mistakes: Sequence[Mistake], functions: Sequence[str]
) -> Iterator[Variant]:
    """A function's mistakes in those that call it: a student may write its formula out there."""
    called = {
        name: {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
        for name, source in reference.functions.items()
        if name in functions
    }
    for m in mistakes:
        parts = reference.parts(m)
        for caller, names in called.items():
            if m.function in names and caller not in parts:
                yield Variant("pair", caller, (m.says,), parts)


def pairs(
    reference: Reference, mistakes: Sequence[Mistake]
) -> Iterator[tuple[str, tuple[str, ...], dict[str, str]]]:
    """Two mistakes in one function, where both changes fit: function, sentences, its source.

    Of a function with very many, PAIRS of them, spread evenly.
    """
    by_function: dict[str, list[tuple[Mistake, Mistake]]] = {}
    for first, second in combinations(mistakes, 2):
        if first.function == second.function and first.edits and second.edits:
            by_function.setdefault(first.function, []).append((first, second))
    chosen = [
        pair
        for found in by_function.values()
        for pair in found[:: max(1, math.ceil(len(found) / PAIRS))]
    ]
    for first, second in chosen:
        try:
            text = reference.edited(first.function, (*first.edits, *second.edits), second.where)
            again = reference.replaced(first.function, (*second.edits, *first.edits), first.where)
        except MistakeError:
            continue
        if text == again:
            yield first.function, (first.says, second.says), {first.function: text}
