"""A topic's source, `solutions/T.py`: cells, functions, and what of them students write.

What stands between `# BEGIN SOLUTION` and `# END SOLUTION` is theirs to write. Nothing else in the
package knows these marks.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gradus.course import UsageError, shown
from gradus.distribution import require
from gradus.files import read_text

BEGIN = "# BEGIN SOLUTION"
END = "# END SOLUTION"

# "### BEGIN SOLUTION" or "#end solution" would be taken for a comment, and the solution given away.
_NEARLY = re.compile(r"\b(begin|end)\W*solution\b", re.IGNORECASE)
_CONTINUES = {"elif", "else", "except", "finally"}
_CELL = re.compile(r"# ?%%")
_MARKDOWN = re.compile(r"# ?%% \[markdown\]")
_HINTS = re.compile(r'# ?%% \[markdown\] tags=\["hints"\]')
_STEP = re.compile(r"^[123]\. ", re.MULTILINE)
OBJECTIVES = "**Afterwards you can**"
HINTS = ("what the shapes say", "the formula", "the steps, in words")  # of each function
_Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Function:
    """A function that students write, "Net.forward", and its docstring's first sentence."""

    name: str
    summary: str


@dataclass(frozen=True)
class _Block:
    """The lines from BEGIN to END, 1-based and inclusive, and the column of both."""

    begin: int
    end: int
    column: int


@dataclass(frozen=True)
class Solution:
    """The text of a solution; messages call it `filename`.

    Everything raises UsageError, with file and line, where the text is not Python, the marks are
    not balanced or cut through a statement.
    """

    text: str
    filename: str = "<solution>"

    @classmethod
    def read(cls, file: Path) -> Solution:
        """The solution in a file."""
        return cls(read_text(file), shown(file))

    def cells(self) -> list[tuple[str, str]]:
        """Type ("markdown", "code", "raw") and source of each cell."""
        require("instructor")
        import jupytext

        notebook = jupytext.reads(_without(_HINTS, self.text), fmt="py:percent")
        return [(str(cell.cell_type), str(cell.source)) for cell in notebook.cells]

    def code(self) -> str:
        """The text without its Markdown."""
        return _without(_MARKDOWN, self.text)

    def objectives(self) -> str:
        """What one can do afterwards: the paragraph of the text that begins with OBJECTIVES."""
        for paragraph in "\n".join(_uncommented(self.text)).split("\n\n"):
            if paragraph.startswith(OBJECTIVES):
                return " ".join(paragraph.removeprefix(OBJECTIVES).split())
        return ""

    def sections(self) -> list[str]:
        """The headings of the text below its title, in order, each up to its colon."""
        lines = _without(_HINTS, self.text).splitlines()
        heads = [line.removeprefix("# ## ") for line in lines if line.startswith("# ## ")]
        return [head.partition(":")[0].strip() for head in heads]

    def hints(self) -> dict[str, list[str]]:
        """What each function's hints are, the smallest first: in a Markdown cell with the tag
        "hints" a heading with its name and a numbered list."""
        found = {}
        for cell in _cells(self.text):
            if _HINTS.match(cell):
                for part in "\n".join(_uncommented(cell)).split("\n## ")[1:]:
                    name, _, text = part.partition("\n")
                    steps = _STEP.split(text)[1:]
                    found[name.strip()] = [" ".join(step.split()) for step in steps]
        return found

    def stub(self) -> str:
        """The text without what students write: every block inside a function becomes one `raise
        NotImplementedError`, every other block is removed, docstrings stay, hints go.
        """
        lines = self.text.split("\n")
        for block in reversed(self._blocks):
            function = self._function_around(block)
            if function is None:
                _remove(lines, block)
                continue
            if ast.get_docstring(function) is not None and function.body[0].lineno > block.begin:
                raise UsageError(
                    f"{self.filename}:{block.begin}: the docstring of {function.name} is inside"
                    " the marks"
                )
            lines[block.begin - 1 : block.end] = [" " * block.column + "raise NotImplementedError"]
        stub = _without(_HINTS, "\n".join(lines)).strip("\n") + "\n"
        try:
            compile(stub, self.filename, "exec", dont_inherit=True)
        except SyntaxError as error:
            where = f"{self.filename}:{self._blocks[0].begin}" if self._blocks else self.filename
            wrong = stub.split("\n")[(error.lineno or 1) - 1].strip()
            raise UsageError(f"{where}: without the solutions, {error.msg} at '{wrong}'") from None
        return stub

    def functions(self) -> list[Function]:
        """The functions and methods that students are to write, in order."""
        return list(_find_written(self._tree, self._blocks, ""))

    def parts(self) -> list[str]:
        """The top-level functions and classes with something in them to write, in order."""
        return [
            node.name
            for node in self._tree.body
            if isinstance(node, Definition)
            and any(node.lineno < b.begin <= (node.end_lineno or 0) for b in self._blocks)
        ]

    def without(self, part: str) -> str:
        """The text in which one of `parts` is not implemented, and no other."""
        first, last = self.spans[part]
        lines = self.text.split("\n")
        for block in self._blocks:
            if not first <= block.begin <= last:
                lines[block.begin - 1] = lines[block.end - 1] = ""
        return Solution("\n".join(lines), self.filename).stub()

    def replaced(self, parts: Mapping[str, str], above: Sequence[str] = ()) -> str:
        """The text with other sources for top-level functions and classes, each by its name.

        What stands `above` comes right before the first of them. Names that are not in `spans` are
        passed over.
        """
        lines = self.text.splitlines()
        names = sorted(parts.keys() & self.spans.keys(), key=lambda name: self.spans[name])
        for name in reversed(names):
            first, last = self.spans[name]
            texts = [*above, parts[name]] if name == names[0] else [parts[name]]
            lines[first - 1 : last] = "\n\n\n".join(texts).splitlines()
        return "\n".join(lines) + "\n"

    def marked_lines(self) -> set[int]:
        """The numbers of the lines that students write."""
        return {line for b in self._blocks for line in range(b.begin + 1, b.end)}

    @cached_property
    def spans(self) -> dict[str, tuple[int, int]]:
        """First and last line of each top-level function and class, decorators included."""
        return {
            node.name: (first_line(node), node.end_lineno or node.lineno)
            for node in self._tree.body
            if isinstance(node, Definition)
        }

    @cached_property
    def _tree(self) -> ast.Module:
        try:
            return ast.parse(self.text)
        except SyntaxError as error:
            where = f"{self.filename}:{error.lineno or 1}"
            raise UsageError(f"{where}: not Python: {error.msg}") from None

    @cached_property
    def _blocks(self) -> list[_Block]:
        _ = self._tree  # what is not Python cannot be cut into tokens either
        return list(_find_blocks(self.text, self.filename))

    def _function_around(self, block: _Block) -> _Function | None:
        """The innermost function whose body holds the block."""
        found = None
        for node in ast.walk(self._tree):  # outer nodes come before inner ones
            if isinstance(node, _Function) and _holds(node, block):
                found = node
        return found


def mark(line: str) -> str:
    """BEGIN or END, where the line is one of the marks; else nothing."""
    return line.strip() if line.strip() in (BEGIN, END) else ""


def without_marks(text: str) -> str:
    """`text`, be it Python or not, without the lines that are marks."""
    return "".join(line for line in text.splitlines(True) if not mark(line))


def _cells(text: str) -> list[str]:
    """The text cut before each line that begins a cell."""
    return re.split(r"^(?=# ?%%)", text, flags=re.MULTILINE)


def _without(head: re.Pattern[str], text: str) -> str:
    """`text` without the cells whose first line is such a `head`."""
    return "".join(cell for cell in _cells(text) if not head.match(cell))


def _uncommented(text: str) -> Iterator[str]:
    """The lines of Markdown, which stand in comments."""
    return (re.sub(r"^# ?", "", line) for line in text.splitlines())


def first_line(node: Definition) -> int:
    """The line of a definition's first decorator, or its own."""
    return min([node.lineno, *(d.lineno for d in node.decorator_list)])


def _find_written(node: ast.AST, blocks: list[_Block], prefix: str) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _find_written(child, blocks, f"{prefix}{child.name}.")
        elif isinstance(child, _Function):
            if any(_holds(child, block) for block in blocks):
                paragraph = " ".join((ast.get_docstring(child) or "").split("\n\n")[0].split())
                sentence = paragraph.partition(". ")[0].removesuffix(".")
                yield Function(prefix + child.name, sentence)
        else:
            yield from _find_written(child, blocks, prefix)


def _find_blocks(text: str, filename: str) -> Iterator[_Block]:
    """The blocks in order; marks in strings are text, marks that are not quite marks are errors."""

    def wrong(line: int, what: str) -> UsageError:
        return UsageError(f"{filename}:{line}: {what}")

    begin: tuple[int, int] | None = None
    statements = brackets = depth = depth_at_begin = 0
    fresh = True  # at the start of a logical line
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        line, column = token.start
        if token.type == tokenize.COMMENT:
            comment = token.string.rstrip()
            if comment not in (BEGIN, END):
                if _NEARLY.search(comment):
                    raise wrong(line, f"'{comment}' is not a mark: write '{BEGIN}' or '{END}'")
                continue
            if brackets or not fresh or token.line[:column].strip():
                raise wrong(line, f"'{comment}' must have a line of its own, between statements")
            if comment == BEGIN:
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


def _holds(function: _Function, block: _Block) -> bool:
    """Whether the block lies in the function's body; END may be below its last statement."""
    below = function.lineno < block.begin and function.col_offset < block.column
    return below and (function.end_lineno or 0) > block.begin


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
