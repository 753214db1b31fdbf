"""Solution -> stub: what stands between `# BEGIN SOLUTION` and `# END SOLUTION` is taken out."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gradus.course import UsageError

Function = ast.FunctionDef | ast.AsyncFunctionDef

BEGIN = "# BEGIN SOLUTION"
END = "# END SOLUTION"

# "### BEGIN SOLUTION" or "#end solution" would be taken for a comment, and the solution given away.
_NEARLY = re.compile(r"\b(begin|end)\W*solution\b", re.IGNORECASE)
_CONTINUES = {"elif", "else", "except", "finally"}
_CELL = re.compile(r"# ?%%")


@dataclass(frozen=True)
class StubbedFunction:
    """A function that students write, "Net.forward", and its docstring's first sentence."""

    name: str
    summary: str


@dataclass(frozen=True)
class _Block:
    """The lines from BEGIN to END, 1-based and inclusive, and the column of both."""

    begin: int
    end: int
    column: int


def make_stub(text: str, filename: str = "<solution>") -> str:
    """The stub of a solution: every block inside a function becomes one `raise
    NotImplementedError`, every other block is removed, docstrings stay.

    UsageError, with file and line, when the marks are not balanced or cut through a statement.
    """
    tree = _parse(text, filename)
    blocks = list(_blocks(text, filename))
    lines = text.split("\n")
    for block in reversed(blocks):
        function = _function_around(tree, block)
        if function is None:
            _remove(lines, block)
            continue
        _check_docstring(function, block, filename)
        lines[block.begin - 1 : block.end] = [" " * block.column + "raise NotImplementedError"]
    stub = "\n".join(lines).strip("\n") + "\n"
    try:
        compile(stub, filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        where = f"{filename}:{blocks[0].begin}" if blocks else filename
        wrong = stub.split("\n")[(error.lineno or 1) - 1].strip()
        raise UsageError(f"{where}: without the solutions, {error.msg} at '{wrong}'") from None
    return stub


def stubbed_functions(text: str, filename: str = "<solution>") -> list[StubbedFunction]:
    """The functions and methods of a solution that students are to write, in order."""
    tree = _parse(text, filename)
    return list(_find_stubbed(tree, list(_blocks(text, filename)), ""))


def _find_stubbed(node: ast.AST, blocks: list[_Block], prefix: str) -> Iterator[StubbedFunction]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _find_stubbed(child, blocks, f"{prefix}{child.name}.")
        elif isinstance(child, Function):
            if any(_holds(child, block) for block in blocks):
                paragraph = " ".join((ast.get_docstring(child) or "").split("\n\n")[0].split())
                sentence = paragraph.partition(". ")[0].removesuffix(".")
                yield StubbedFunction(prefix + child.name, sentence)
        else:
            yield from _find_stubbed(child, blocks, prefix)


def _parse(text: str, filename: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise UsageError(f"{filename}:{error.lineno or 1}: not Python: {error.msg}") from None


def _blocks(text: str, filename: str) -> Iterator[_Block]:
    """The blocks in order; marks in strings are text, marks that are not quite marks are errors."""

    def wrong(line: int, what: str) -> UsageError:
        return UsageError(f"{filename}:{line}: {what}")

    begin: tuple[int, int] | None = None
    statements = brackets = depth = depth_at_begin = 0
    fresh = True  # at the start of a logical line
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        line, column = token.start
        if token.type == tokenize.COMMENT:
            mark = token.string.rstrip()
            if mark not in (BEGIN, END):
                if _NEARLY.search(mark):
                    raise wrong(line, f"'{mark}' is not a mark: write '{BEGIN}' or '{END}'")
                continue
            if brackets or not fresh or token.line[:column].strip():
                raise wrong(line, f"'{mark}' must have a line of its own, between statements")
            if mark == BEGIN:
                if begin:
                    raise wrong(line, f"'{BEGIN}' inside the block of line {begin[0]}")
                begin, statements = (line, column), 0
            elif not begin:
                raise wrong(line, f"'{END}' without '{BEGIN}'")
            else:
                if column != begin[1]:
                    raise wrong(line, f"'{END}' is not indented like line {begin[0]}'s '{BEGIN}'")
                if not statements:
                    raise wrong(begin[0], "there is no statement in this block")
                yield _Block(begin[0], line, column)
                begin = None
        elif token.type in (tokenize.NEWLINE, tokenize.NL):
            fresh = fresh if token.type == tokenize.NL else True
        elif token.type in (tokenize.INDENT, tokenize.DEDENT):
            depth += 1 if token.type == tokenize.INDENT else -1
        elif token.type != tokenize.ENDMARKER:
            if fresh and begin:
                statements += 1
                depth_at_begin = depth if statements == 1 else depth_at_begin
                starts_amiss = column != begin[1] or token.string in _CONTINUES
                if (statements == 1 and starts_amiss) or depth < depth_at_begin:
                    raise wrong(line, f"the block of line {begin[0]} cuts through a statement")
            fresh = False
            if token.type == tokenize.OP:
                brackets += (token.string in "([{") - (token.string in ")]}")
    if begin:
        raise wrong(begin[0], f"'{BEGIN}' without '{END}'")


def _holds(function: Function, block: _Block) -> bool:
    """Whether the block lies in the function's body; END may be below its last statement."""
    below = function.lineno < block.begin and function.col_offset < block.column
    return below and (function.end_lineno or 0) > block.begin


def _function_around(tree: ast.Module, block: _Block) -> Function | None:
    """The innermost function whose body holds the block."""
    found = None
    for node in ast.walk(tree):  # outer nodes come before inner ones
        if isinstance(node, Function) and _holds(node, block):
            found = node
    return found


def _check_docstring(function: Function, block: _Block, filename: str) -> None:
    if ast.get_docstring(function) is not None and function.body[0].lineno > block.begin:
        raise UsageError(
            f"{filename}:{block.begin}: the docstring of {function.name} is inside the marks"
        )


def _remove(lines: list[str], block: _Block) -> None:
    """Take the block out, with the cell that it leaves empty and all but two blank lines."""
    start, stop = block.begin - 1, block.end
    above, below = _blank(lines[:start][::-1]), _blank(lines[stop:])
    start, stop = start - above, stop + below
    if start > 0 and _CELL.match(lines[start - 1]):
        if stop < len(lines) and not _CELL.match(lines[stop]):
            above = below = 0  # the cell goes on right below its marker
        else:
            start -= 1
            above = _blank(lines[:start][::-1])
            start -= above
    lines[start:stop] = [""] * (min(2, max(above, below)) if start > 0 else 0)


def _blank(lines: Sequence[str]) -> int:
    """How many of the first lines are blank."""
    return next((i for i, line in enumerate(lines) if line.strip()), len(lines))
