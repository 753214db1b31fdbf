"""Mutants: the reference solution with one small change each, which the hidden tests must catch."""

from __future__ import annotations

import ast
import pickle
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gradus.solution import Solution


@dataclass(frozen=True)
class Mutant:
    """One change: `line` (1-based) of the solution reads `new` in place of `old`."""

    function: str
    line: int
    old: str
    new: str
    operator: str
    text: str  # of the function
    source: str  # of the whole program

    def is_described_by(self, function: str, old: str, new: str) -> bool:
        """Whether this mutant turns `old`, which stands once in its line, into `new`; white space
        does not matter."""
        before, after, old, new = ("".join(x.split()) for x in (self.old, self.new, old, new))
        once = before.count(old) == 1
        return self.function == function and once and before.replace(old, new) == after


def mutants(solution: str) -> list[Mutant]:
    """Every mutant of the code that students write, in the order of the lines.

    Only what students write changes; annotations, decorators and `raise` statements do not. What
    does not compile, or is the same program, is left out.
    """
    marked = Solution(solution).marked_lines()
    lines = solution.splitlines(keepends=True)
    found: list[Mutant] = []
    for node in ast.parse(solution).body:
        first, last = node.lineno, node.end_lineno or node.lineno
        here = {line - first + 1 for line in range(first, last + 1) if line in marked}
        if not here:
            continue
        before, text, after = lines[: first - 1], lines[first - 1 : last], lines[last:]
        seen = {ast.dump(ast.parse("".join(text)))}
        changes: list[Mutant] = []
        for operator, mutated in _changes("".join(text), here):
            program = _program(mutated)
            if program is None or program in seen:
                continue
            seen.add(program)
            line, old, new = _first_difference(text, mutated.splitlines(keepends=True))
            source = "".join([*before, mutated, *after])
            name = getattr(node, "name", "")
            changes.append(Mutant(name, first + line, old, new, operator, mutated, source))
        found += sorted(changes, key=lambda mutant: mutant.line)
    return found


def _changes(text: str, marked: set[int]) -> Iterator[tuple[str, str]]:
    """(name of the operator, changed text), for each change of the lines `marked`."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import MutationVisitor

    from gradus.audit.operators import OPERATORS

    tree = get_ast(text)
    copied = pickle.dumps(tree)  # mutate_code would parse it anew for each mutant
    nodes = [(node, _changeable(node, marked)) for node in ast_nodes(tree)]
    for operator in OPERATORS:
        occurrence = 0
        for node, changeable in nodes:
            for _ in operator.mutation_positions(node):
                if changeable:
                    changed = MutationVisitor(occurrence, operator).walk(pickle.loads(copied))
                    yield type(operator).__name__, changed.get_code()
                occurrence += 1


def _changeable(node: Any, marked: set[int]) -> bool:
    if node.start_pos[0] not in marked:
        return False
    while parent := node.parent:
        annotation = (
            (parent.type == "annassign" and parent.children[1] is node)
            or (parent.type == "funcdef" and parent.annotation is node)
            or parent.type == "tfpdef"
        )
        if annotation or parent.type in ("raise_stmt", "decorator"):
            return False
        node = parent
    return True


def _program(text: str) -> str | None:
    """The program's syntax tree as text, the same for the same program; None: does not compile."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(text)
            compile(tree, "mutant", "exec")
    except (SyntaxError, ValueError):
        return None
    return ast.dump(tree)


def _first_difference(old: list[str], new: list[str]) -> tuple[int, str, str]:
    """(index, old line, new line) where two lists of lines first differ."""
    pairs = enumerate(zip([*old, ""], [*new, ""], strict=False))
    at, (was, now) = next((at, pair) for at, pair in pairs if pair[0] != pair[1])
    return at, was.strip(), now.strip()
