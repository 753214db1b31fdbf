"""The reference solution with some of its functions changed: as text, and as a running module."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from types import CodeType
from typing import Any, TypeGuard

from gradus.inside import policy
from gradus.mistakes.read import Alternative, Edit, Mistake, MistakeError
from gradus.solution import Solution
from gradus.uses import Uses


class Reference:
    """A solution, and what becomes of it with other functions in place."""

    def __init__(self, source: str, filename: str = "<solution>") -> None:
        self.solution = Solution(source, filename)

    @cached_property
    def functions(self) -> dict[str, str]:
        """The source of each function and class by its name."""
        lines = self.solution.text.splitlines()
        spans = self.solution.spans
        return {n: "\n".join(lines[first - 1 : last]) for n, (first, last) in spans.items()}

    def parameters(self) -> dict[str, list[str]]:
        """The names of each function's parameters, in their order; of those that take any number
        of arguments none."""
        found = {}
        for node in self._definitions():
            if not (node.args.vararg or node.args.kwarg):
                names = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
                found[node.name] = [a.arg for a in names]
        return found

    def defaults(self) -> dict[str, dict[str, Any]]:
        """The numbers and words that each function's parameters have by default."""
        found: dict[str, dict[str, Any]] = {}
        for node in self._definitions():
            last = node.args.args[len(node.args.args) - len(node.args.defaults) :]
            found[node.name] = {
                argument.arg: default.value
                for argument, default in zip(last, node.args.defaults, strict=True)
                if isinstance(default, ast.Constant) and default.value is not None
            }
        return found

    def words(self) -> dict[str, list[str]]:
        """By parameter, the words that the solution compares it with, or looks it up by."""
        found: dict[str, list[str]] = {}
        tables: dict[str, list[str]] = {}
        for node in ast.walk(self._tree):
            match node:
                case ast.Assign([ast.Name(table)], ast.Dict(keys)):
                    tables[table] = _texts(keys)
        for node in ast.walk(self._tree):
            match node:
                case ast.Compare(ast.Name(name), _, [other]):
                    parts = other.elts if isinstance(other, ast.Tuple) else [other]
                    found.setdefault(name, []).extend(_texts(parts))
                case ast.Match(ast.Name(name), cases):
                    values = [n.value for c in cases for n in ast.walk(c.pattern) if _is_value(n)]
                    found.setdefault(name, []).extend(_texts(values))
                case ast.Subscript(ast.Dict(keys), ast.Name(name)):
                    found.setdefault(name, []).extend(_texts(keys))
                case ast.Subscript(ast.Name(table), ast.Name(name)):
                    found.setdefault(name, []).extend(tables.get(table, ()))
        return {name: sorted(set(words)) for name, words in found.items() if words}

    def _definitions(self) -> list[ast.FunctionDef]:
        return [node for node in self._tree.body if isinstance(node, ast.FunctionDef)]

    @cached_property
    def _tree(self) -> ast.Module:
        return ast.parse(self.solution.text)

    def uses(self, alternatives: Iterable[Alternative]) -> dict[str, list[str]]:
        """By function, the others that it uses in the solution or in one of the alternatives,
        directly or through what it calls."""
        found: dict[str, set[str]] = {name: set() for name in self.functions}
        texts = [self.composed(self.parts(alternative)) for alternative in alternatives]
        for text in (self.solution.text, *texts):
            calls = Uses(calls=policy.inspect([(ast.parse(text), "")], ())[1])
            for name, used in found.items():
                used.update(other for other in calls.reached(name)[1:] if other in found)
        return {name: sorted(used) for name, used in found.items()}

    @cached_property
    def _statements(self) -> list[tuple[str, CodeType]]:
        """Every statement at the top, with the name that it defines where that is a function."""
        return [
            (getattr(node, "name", ""), compile(ast.Module([node], []), "<reference>", "exec"))
            for node in self._tree.body
        ]

    def parts(self, answer: Mistake | Alternative) -> dict[str, str]:
        """What an answer puts in place of the reference's functions, and what it adds.

        Raises MistakeError where an edit does not fit, and where nothing is replaced.
        """
        if isinstance(answer, Mistake) and answer.edits:
            return {answer.function: self.edited(answer.function, answer.edits, answer.where)}
        if not any(name in self.functions for name in answer.parts):
            names = ", ".join(answer.parts)
            raise MistakeError(f"{answer.where}: the solution has no function {names}")
        parts = dict(answer.parts)
        if answer.preamble:
            parts = {"": answer.preamble, **parts}
        return parts

    def first_line(self, function: str) -> int:
        """The first line of a function that students write, from 1 where the function begins."""
        first, last = self.solution.spans[function]
        marked = [n for n in self.solution.marked_lines() if first <= n <= last]
        return min(marked, default=first) - first + 1

    def edited(self, function: str, edits: tuple[Edit, ...], where: str) -> str:
        """The source of a function after some edits, each of which must fit exactly once."""
        text = self.replaced(function, edits, where)
        try:
            ast.parse(text)
        except SyntaxError as error:
            raise MistakeError(f"{where}: the changed {function} is not Python: {error}") from None
        return text

    def replaced(self, function: str, edits: tuple[Edit, ...], where: str) -> str:
        """As `edited`, of what is known to be Python: to parse it takes longest."""
        if function not in self.functions:
            raise MistakeError(f"{where}: the solution has no function {function!r}")
        lines = self.functions[function].splitlines()
        start = self.first_line(function) - 1  # a docstring may hold the same formula
        text = "\n".join(lines[start:])
        for old, new in edits:
            times = text.count(old)
            if times != 1:
                often = f"{times} times" if times else "not"
                raise MistakeError(f"{where}: {old!r} stands {often} in {function}: once is needed")
            text = text.replace(old, new)
        return "\n".join([*lines[:start], text])

    def composed(self, parts: Mapping[str, str]) -> str:
        """The submission with `parts` in place; what is new stands before the first of them."""
        new = [text for name, text in parts.items() if name not in self.functions]
        return self.solution.replaced(parts, above=new)

    def namespace(self, parts: Mapping[str, str]) -> dict[str, Any]:
        """The names of the module with `parts` in place, after running it here."""
        names: dict[str, Any] = {"__name__": "reference"}
        new = [text for name, text in parts.items() if name not in self.functions]
        pending = True
        for name, code in self._statements:
            if name in parts and pending:
                pending = False
                for text in new:
                    exec(_compiled(text), names)
            exec(_compiled(parts[name]) if name in parts and name else code, names)
        return names


def _is_value(node: ast.AST) -> TypeGuard[ast.MatchValue]:
    return isinstance(node, ast.MatchValue)


def _texts(nodes: Iterable[ast.expr | None]) -> list[str]:
    values = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return [value for value in values if isinstance(value, str)]


@lru_cache(maxsize=1024)  # one answer is tried with many salts, one after the other
def _compiled(text: str) -> CodeType:
    return compile(text, "<string>", "exec", dont_inherit=True)
