"""Hidden test file -> the public checks of it and what they need, nothing else."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from gradus.course import UsageError

_LINE_LENGTH = 100
_HEAD = """\
\"\"\"The public checks of *{title}*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
\"\"\""""


@dataclass
class _Chunk:
    """One module-level statement (or several on the same lines) with the comment above it."""

    nodes: list[ast.stmt]
    first: int  # 1-based, with decorators and the comment directly above
    last: int
    blank: int  # blank lines above it
    source: str = ""
    defines: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    root: bool = False  # kept whether anything uses it or not

    @property
    def imports(self) -> list[ast.Import | ast.ImportFrom]:
        """The statement, where it is a single import; else nothing."""
        only = self.nodes[0] if len(self.nodes) == 1 else None
        return [only] if isinstance(only, (ast.Import, ast.ImportFrom)) else []


def check_public(text: str, filename: str = "<tests>") -> None:
    """UsageError when a file of tests is not Python or has no public check."""
    tree = _parse(text, filename)
    if not any(_is_public(node) for node in tree.body):
        raise UsageError(f"{filename}: no check is marked public, so students would have none")


def public_tests(
    text: str, title: str, recorded: Collection[str] = (), filename: str = "<tests>"
) -> str:
    """The test file that students get: a page with the checks marked `public`.

    Of those in `recorded` it has the title and the points: their calls and values are data. The
    others come as they are written, with the imports, helpers, fixtures and constants that they
    use. UsageError when the file is not Python or has no public check.
    """
    check_public(text, filename)
    tree = _parse(text, filename)
    lines = text.split("\n")
    for node in reversed(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name in recorded:
            documentation = node.body[0]
            signature = [f"def {node.name}(recorded):"]
            shown = lines[documentation.lineno - 1 : documentation.end_lineno]
            lines[node.lineno - 1 : node.end_lineno] = [*signature, *shown, "    recorded()"]
    tree = _parse("\n".join(lines), filename)
    head = _HEAD.format(title=title)
    if isinstance(tree.body[0], ast.Expr):
        lines[tree.body[0].lineno - 1 : tree.body[0].end_lineno] = head.split("\n")
        tree = _parse("\n".join(lines), filename)
    chunks = list(_chunks(tree, lines))
    wanted = _reachable(chunks)
    pieces: list[str] = []
    blank = 0
    for chunk in chunks:
        blank = max(blank, chunk.blank)
        if chunk.root or chunk.defines & wanted:
            if pieces:
                pieces.append("\n" * min(blank, 2))
            pieces.append(_without_unused(chunk, wanted) + "\n")
            blank = 0
    return "".join(pieces)


def _parse(text: str, filename: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise UsageError(f"{filename}:{error.lineno or 1}: not Python: {error.msg}") from None


def _is_test(node: ast.AST) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.ClassDef)) and (
        node.name.startswith("test_") or node.name.startswith("Test")
    )


def _decorators(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The last part of each decorator's name: `@pytest.mark.public` -> "public"."""
    for decorator in getattr(node, "decorator_list", []):
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(target, ast.Attribute):
            yield target.attr, decorator
        elif isinstance(target, ast.Name):
            yield target.id, decorator


def _is_public(node: ast.AST) -> bool:
    return _is_test(node) and any(name == "public" for name, _ in _decorators(node))


def _is_autouse_fixture(node: ast.AST) -> bool:
    return any(
        name == "fixture" and any(key.arg == "autouse" for key in decorator.keywords)
        for name, decorator in _decorators(node)
        if isinstance(decorator, ast.Call)
    )


def _chunks(tree: ast.Module, lines: list[str]) -> Iterator[_Chunk]:
    last = 0
    chunk: _Chunk | None = None
    for node in tree.body:
        top = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        bottom = node.end_lineno or node.lineno
        if chunk is not None and top <= chunk.last:  # a = 1; b = 2
            chunk.nodes.append(node)
            chunk.last = last = max(chunk.last, bottom)
            continue
        if chunk is not None:
            yield _finish(chunk, lines)
        first = top
        while first - 1 > last and lines[first - 2].startswith("#"):
            first -= 1
        blank = 0
        while first - blank - 1 > last and not lines[first - blank - 2].strip():
            blank += 1
        chunk = _Chunk([node], first, bottom, blank)
        last = bottom
    if chunk is not None:
        yield _finish(chunk, lines)


def _finish(chunk: _Chunk, lines: list[str]) -> _Chunk:
    chunk.source = "\n".join(lines[chunk.first - 1 : chunk.last])
    chunk.uses = set(_used(chunk.source, chunk.nodes))
    for node in chunk.nodes:
        chunk.defines |= set(_defined(node))
        chunk.root |= (
            _is_public(node)
            or _is_autouse_fixture(node)
            or (isinstance(node, ast.ImportFrom) and node.module == "__future__")
            or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        )
    return chunk


def _defined(node: ast.stmt) -> Iterator[str]:
    """The module's names that a statement binds or changes; a hidden test binds none."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        if not _is_test(node):
            yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            yield _bound(alias)
    elif isinstance(node, ast.Expr):  # CASES.append(...) belongs to CASES
        yield from _owner(node.value)
    else:
        for inner in ast.walk(node):
            if isinstance(inner, (ast.Name, ast.Attribute, ast.Subscript)):
                if not isinstance(inner.ctx, ast.Load):
                    yield from _owner(inner)
            elif isinstance(inner, (ast.FunctionDef, ast.ClassDef)):
                yield inner.name
            elif isinstance(inner, ast.alias):
                yield _bound(inner)


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.split(".")[0]


def _owner(node: ast.expr) -> Iterator[str]:
    """The name that an expression hangs from: `A.b["c"].d()` -> A."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, (ast.Attribute, ast.Subscript)):
            node = node.value
        else:
            return
    yield node.id


def _used(source: str, nodes: list[ast.stmt]) -> Iterator[str]:
    """The module's names that `source` needs: by Python's own scoping, and as fixtures."""
    scopes = [symtable.symtable(source, "<tests>", "exec")]
    while scopes:
        scope = scopes.pop()
        scopes.extend(scope.get_children())
        module = scope.get_type() == "module"
        for symbol in scope.get_symbols():
            if symbol.is_referenced() if module else symbol.is_global():
                yield symbol.get_name()
    for node in nodes:
        if _is_test(node) or any(name == "fixture" for name, _ in _decorators(node)):
            yield from (inner.arg for inner in ast.walk(node) if isinstance(inner, ast.arg))
        for name, decorator in _decorators(node):
            # points(1, of="f") names a function of the student's, not a helper called f.
            for inner in ast.walk(decorator) if name == "usefixtures" else ():
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                    yield inner.value


def _reachable(chunks: list[_Chunk]) -> set[str]:
    """The names that the public checks need, directly or through what they use."""
    wanted: set[str] = {"pytestmark"}
    pending = [chunk for chunk in chunks if chunk.root]
    rest = [chunk for chunk in chunks if not chunk.root]
    while pending:
        for chunk in pending:
            if not chunk.imports:
                wanted |= chunk.uses
        pending = [chunk for chunk in rest if chunk.defines & wanted]
        rest = [chunk for chunk in rest if not chunk.defines & wanted]
    return wanted


def _without_unused(chunk: _Chunk, wanted: set[str]) -> str:
    """The chunk's source; of an import, only the names that are needed."""
    for node in chunk.imports:
        kept = [alias for alias in node.names if _bound(alias) in wanted]
        if len(kept) < len(node.names) and not chunk.root:
            comment = [line for line in chunk.source.split("\n") if line.startswith("#")]
            return "\n".join([*comment, _write_import(node, kept)])
    return chunk.source


def _write_import(node: ast.Import | ast.ImportFrom, names: list[ast.alias]) -> str:
    written = [ast.unparse(alias) for alias in names]
    if isinstance(node, ast.Import):
        return f"import {', '.join(written)}"
    start = f"from {'.' * node.level}{node.module or ''} import "
    if len(start + ", ".join(written)) <= _LINE_LENGTH:
        return start + ", ".join(written)
    return start + "(\n" + "".join(f"    {name},\n" for name in written) + ")"
