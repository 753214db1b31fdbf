"""Names that a topic forbids, found in a submission's source before any of it runs.

Names are resolved through imports and aliases to what they stand for (`F.gelu` to
`torch.nn.functional.gelu`), function by function; who uses whom is kept beside it, so that a
helper's use counts for the function that calls it. `guard` finds what only shows while running,
and what is a tensor's method: here nothing tells a tensor from an object of the student's own.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Iterable, Iterator, Mapping

import torch

from gradus.inside.internals import is_internal

# what a forbidden module offers under other names
IMPLIED = {
    "torch.autograd": ("functorch",),
    "torch.nn": ("torchvision",),
}
# what torch.nn offers that computes nothing of an exercise
HARMLESS_IN_NN = ("Module", "Parameter", "pad", "one_hot")
# switches for recording, which live in torch.autograd and compute nothing
HARMLESS = tuple(
    f"torch.autograd.{name}"
    for name in ("no_grad", "enable_grad", "set_grad_enabled", "inference_mode", "grad_mode")
)


MOST_NAMES = 500  # that one statement may use

_EXPRESSIONS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)  # that may name something
_NO_NODES = ("ctx", "op", "ops")  # parts of a node that hold no other
_NO_USES = ("annotation", "returns", *_NO_NODES)

Found = dict[str, tuple[str, str]]  # name of the module → the forbidden name it uses first, where
Calls = dict[str, list[str]]  # name of the module → names it uses


def inspect(
    cells: Iterable[tuple[ast.Module, str]], forbid: Collection[str]
) -> tuple[Found, Calls]:
    """What each top-level name of the cells uses; `cells` are trees with the file they name."""
    entries = [name for entry in forbid for name in (entry, f"{entry}_", *IMPLIED.get(entry, ()))]
    statements = [(s, file) for tree, file in cells for s in _flat(tree.body)]
    aliases = _aliases((s for s, _ in statements), {})
    found: Found = {}
    calls: Calls = {}
    for statement, file in statements:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            continue
        visitor = _Visitor(entries, aliases, file)
        unread = ""
        try:
            visitor.enter(statement)
        except RecursionError:  # what cannot be read to the end is refused
            unread = "code that is nested so deeply"
        if len(visitor.calls) > MOST_NAMES:
            unread = f"more than {MOST_NAMES} names in one definition"
        uses = [(unread, f"{file}:{statement.lineno}")] if unread else visitor.found
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):  # runs at once
            uses += [found[name] for name in sorted(visitor.calls) if name in found]
        for name in _bound(statement):
            calls[name] = sorted(visitor.calls - {name})[:MOST_NAMES]
            found.pop(name, None)  # the last definition is the one that counts
            if uses:
                found[name] = uses[0]
    return found, calls


def _children(node: ast.AST, without: Collection[str] = _NO_NODES) -> list[ast.AST]:
    """As ast.iter_child_nodes, in half its time."""
    found: list[ast.AST] = []
    for part in node._fields:
        if part not in without:
            value = getattr(node, part, None)
            if isinstance(value, ast.AST):
                found.append(value)
            elif type(value) is list:
                found += [child for child in value if isinstance(child, ast.AST)]
    return found


def is_allowed_in_nn(dotted: str) -> bool:
    """Whether a topic that forbids torch.nn allows this: what torch itself offers, under the name
    that torch has for it, and what computes nothing."""
    parent, _, name = dotted.rpartition(".")
    harmless = dotted.startswith("torch.nn.") and name in HARMLESS_IN_NN
    return harmless or (parent == "torch.nn.functional" and hasattr(torch, name))


def _flat(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of the module's own scope, those inside if, try, with and loops included."""
    for statement in body:
        blocks = [getattr(statement, part, []) for part in ("body", "orelse", "finalbody")]
        scope = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if scope or not any(blocks):
            yield statement
            continue
        for block in blocks:
            yield from _flat(block)
        for handler in getattr(statement, "handlers", []):
            yield from _flat(handler.body)


def _bound(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        yield statement.name
    elif isinstance(statement, ast.ClassDef):
        yield statement.name
        for node in statement.body:  # a call of any object's method may mean this one
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("__"):
                yield f".{node.name}"
    else:
        for child in ast.walk(statement):
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                yield child.id


def _aliases(statements: Iterable[ast.stmt], outer: Mapping[str, str]) -> dict[str, str]:
    """Names that stand for a module or for something in one: imports, and copies of those."""
    found = dict(outer)
    for statement in statements:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or whole] = whole
        elif isinstance(statement, ast.ImportFrom) and not statement.level:
            for alias in statement.names:
                if alias.name == "*":
                    found["*"] = f"{found.get('*', '')} {statement.module}".strip()
                else:
                    found[alias.asname or alias.name] = f"{statement.module}.{alias.name}"
        elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target, dotted = statement.targets[0], _dotted(statement.value, found)
            if isinstance(target, ast.Name):
                if dotted is not None:
                    found[target.id] = dotted
                else:
                    found.pop(target.id, None)
        elif isinstance(statement, ast.FunctionDef | ast.ClassDef):
            found.pop(statement.name, None)
    return found


def _dotted(node: ast.expr, aliases: Mapping[str, str]) -> str | None:
    """What an expression stands for, "torch.nn.functional.softmax", where the source shows it."""
    match node:
        case ast.Name(id=name):
            if name in aliases:
                return aliases[name]
            return None
        case ast.Attribute(value=value, attr=name):
            base = _dotted(value, aliases)
            return base and f"{base}.{name}"
        case ast.Call(func=ast.Name(id="getattr"), args=[value, ast.Constant(value=str(name)), *_]):
            base = _dotted(value, aliases)
            return base and f"{base}.{name}"
        case ast.Call(func=ast.Name(id="__import__"), args=[ast.Constant(value=str(name)), *_]):
            return name
        case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
            return name if _dotted(function, aliases) == "importlib.import_module" else None
        case ast.Subscript(value=value, slice=ast.Constant(value=str(name))):
            if _dotted(value, aliases) == "sys.modules":
                return name
            match value:
                case ast.Attribute(value=of, attr="__dict__"):
                    pass
                case ast.Call(func=ast.Name(id="vars"), args=[of]):
                    pass
                case _:
                    return None
            base = _dotted(of, aliases)
            return base and f"{base}.{name}"
    return None


class _Visitor(ast.NodeVisitor):
    """Walks one top-level statement; annotations are not uses."""

    def __init__(self, entries: list[str], aliases: Mapping[str, str], file: str) -> None:
        self.entries = entries
        self.aliases = aliases
        self.file = file
        self.local: set[str] = set()
        self.found: list[tuple[str, str]] = []
        self.calls: set[str] = set()

    def enter(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = _children(statement)
            for node in inner:  # grows while it is gone through
                inner += _children(node)
                if isinstance(node, ast.arg):
                    self.local.add(node.arg)
                elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    self.local.add(node.id)
            outer = {k: v for k, v in self.aliases.items() if k not in self.local}
            nested = [n for n in inner if isinstance(n, ast.Import | ast.ImportFrom | ast.Assign)]
            self.aliases = _aliases(nested, outer)
        self.visit(statement)

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, _EXPRESSIONS):
            dotted = self._dotted(node)
            if dotted is not None:
                name = self._forbidden(dotted)
                if name is not None:
                    self._found(name, node)
                    return
                if not isinstance(node, ast.Call):
                    return
        if isinstance(node, ast.Attribute):
            self.calls.add(f".{node.attr}")
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if self._is_global(node.id):
                self.calls.add(node.id)
        elif isinstance(node, ast.Call):
            self._call(node)
        for child in _children(node, _NO_USES):
            self.visit(child)

    def _call(self, node: ast.Call) -> None:
        match node:
            case ast.Call(
                func=ast.Name(id="eval" | "exec"), args=[ast.Constant(value=str(text)), *_]
            ):
                try:
                    inner = ast.parse(text)
                except (SyntaxError, ValueError, MemoryError):
                    return
                for child in ast.walk(inner):
                    if "lineno" in child._attributes:
                        child.lineno = node.lineno  # type: ignore[attr-defined]
                for statement in inner.body:
                    self.visit(statement)

    def _dotted(self, node: ast.expr) -> str | None:
        dotted = _dotted(node, self.aliases)
        if dotted is not None or not isinstance(node, ast.Name) or not self._is_global(node.id):
            return dotted
        starred = (f"{module}.{node.id}" for module in self.aliases.get("*", "").split())
        return next((name for name in starred if self._forbidden(name) is not None), None)

    def _is_global(self, name: str) -> bool:
        return name not in self.local and not hasattr(builtins, name)

    def _forbidden(self, dotted: str) -> str | None:
        """The name to report when `dotted` is a forbidden name or lies in a forbidden module."""
        if dotted.startswith(HARMLESS):
            return None
        if self.entries and is_internal(dotted):
            return dotted
        same = [dotted]
        if dotted.startswith("torch.Tensor."):
            same.append("torch." + dotted.removeprefix("torch.Tensor."))
        if is_allowed_in_nn(dotted):
            same = ["torch." + dotted.rpartition(".")[2]]
        for name in same:
            if any(name == e or name.startswith(e + ".") for e in self.entries):
                return dotted
        return None

    def _found(self, name: str, node: ast.expr) -> None:
        self.found.append((name, f"{self.file}:{node.lineno}"))
