"""A submission's bytes → its functions. Runs only in the submission's own process.

A .py file is executed statement by statement and a notebook cell by cell, so that scratch code
that raises does not take the functions after it along; what was passed over becomes a note.
"""

from __future__ import annotations

import ast
import builtins
import codecs
import io
import linecache
import re
import sys
import tokenize
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradus.inside import notebook

MAX_NOTES = 20
MAX_SOURCE = 8 << 20  # bytes
MAX_PIECES = 500  # of a file that is no Python; beyond that it is not read piece by piece
MAX_JOINED = 8  # pieces that are one statement: decorators, a text at the left margin
_TOP_LEVEL = re.compile(r"[^\W\d]|@")
# What text is written in, and decoded in linear time: punycode, which Python knows too, is not.
_ENCODINGS = re.compile(
    r"utf-8(-sig)?|ascii|iso8859-\d+|cp\d+|mac-\w+|koi8-\w|gb\w+|big5\w*|shift_jis\w*|euc_\w+"
)


class Unreadable(Exception):
    """Not Python, a broken notebook; `location` reads "mlp.py:41" where a line is known."""

    def __init__(self, message: str, location: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.location = location


class Exited(Exception):
    """The submission called sys.exit() while it was loaded; the message names the place."""


@dataclass(frozen=True)
class Cell:
    """One piece that is executed on its own: a top-level statement or a notebook's cell."""

    tree: ast.Module
    file: str  # as locations name it: "mlp.py" or "mlp.ipynb cell 3"
    label: str  # as notes name it: "mlp.py:7" or "cell 3"
    flags: int = 0  # of `from __future__ import …` above it


@dataclass
class Source:
    """A submission that was read but not yet executed."""

    name: str  # the module's
    cells: list[Cell] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        if len(self.notes) < MAX_NOTES:
            self.notes.append(text[:300])


def read(filename: str, data: bytes) -> Source:
    """The cells of `data`, by the extension of `filename`; raises Unreadable."""
    stem, dot, extension = filename.rpartition(".")
    if not dot or extension.lower() not in ("py", "ipynb"):
        raise Unreadable(f"{filename} is neither a .py file nor a .ipynb notebook")
    if len(data) > MAX_SOURCE:
        raise Unreadable(f"the file is larger than {MAX_SOURCE >> 20} MB")
    if not data.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise Unreadable("the file is empty")
    source = Source(_module_name(stem))
    filename = re.sub(r"[<>/\\]", "_", filename)  # else its code would not be told from ours
    if extension.lower() == "py":
        _read_python(source, filename, data)
    else:
        _read_notebook(source, filename, data)
    return source


def _module_name(stem: str) -> str:
    name = re.sub(r"\W", "_", stem) or "_"
    taken = name in sys.modules or name in sys.stdlib_module_names or name[0].isdigit()
    # a submission called torch.py must not stand in for torch
    return f"submission_{name}" if taken or name.partition("_")[0] in ("torch", "numpy") else name


def _read_python(source: Source, filename: str, data: bytes) -> None:
    text = decode(data)
    try:
        statements = _parse(text, filename).body
    except Unreadable:
        statements, broken = _readable(source, text, filename)
        if not any(isinstance(s, ast.FunctionDef | ast.ClassDef) for s in statements):
            raise
        statements += broken
    flags = 0
    for statement in statements:
        flags |= _future_flags(statement)
        label = f"{filename}:{statement.lineno}"
        tree = ast.Module([statement], [])
        source.cells.append(Cell(tree, filename, label, flags))


def _readable(source: Source, text: str, filename: str) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """What can be read of a file with an error in its syntax: all but the function, or the
    statement, that it is in. And in place of such functions some that raise the error."""
    lines = text.split("\n")
    starts = [n for n, line in enumerate(lines) if _TOP_LEVEL.match(line)]
    found: list[ast.stmt] = []
    broken: list[ast.stmt] = []
    at = 0
    while at < len(starts) <= MAX_PIECES:
        error = None
        for end in range(at + 1, min(at + 1 + MAX_JOINED, len(starts)) + 1):
            last = starts[end] if end < len(starts) else len(lines)
            piece = "\n" * starts[at] + "\n".join(lines[starts[at] : last])
            try:
                found += _tree(piece, lines, filename).body
            except Unreadable as failure:
                error = error or failure
                continue
            at, error = end, None
            break
        if error is not None:
            raising = _raising(lines[starts[at]], error, filename)
            broken += raising
            if not raising:
                source.note(f"{error.location} was passed over: {error.message}")
            at += 1
    return found, broken


def _raising(head: str, error: Unreadable, filename: str) -> list[ast.stmt]:
    """In place of a function that is no Python: one that says so, at its line."""
    named = re.match(r"def\s+(\w+)", head)
    if named is None or not error.message.startswith(("SyntaxError: ", "IndentationError: ")):
        return []
    line = int((error.location or "").rpartition(":")[2] or 1)
    kind, _, message = error.message.partition(": ")
    text = f"def {named[1]}(*_, **__): raise {kind}({message!r})"
    try:
        return ast.parse("\n" * (line - 1) + text, filename).body
    except SyntaxError:  # a keyword as its name
        return []


def decode(data: bytes) -> str:
    """Text as Python itself would read it: byte order mark, coding cookie, any line ends. What it
    cannot be read as, and a cookie of what no text is written in, make it latin-1."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", "replace")
    else:
        if b"\0" in data:
            raise Unreadable("this is a binary file, not Python")
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
            known = _ENCODINGS.fullmatch(codecs.lookup(encoding).name)
            text = data.decode(encoding if known else "latin-1")
        except (SyntaxError, UnicodeDecodeError, LookupError):
            text = data.decode("latin-1")
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _parse(text: str, file: str) -> ast.Module:
    lines = text.splitlines(keepends=True)
    linecache.cache[file] = (len(text), None, lines, file)
    return _tree(text, lines, file)


def _tree(text: str, lines: Sequence[str], file: str) -> ast.Module:
    try:
        return ast.parse(text, file)
    except SyntaxError as error:
        line = error.lineno or 1
        code = lines[line - 1].strip()[:120] if line <= len(lines) else ""
        kind = "IndentationError" if isinstance(error, IndentationError) else "SyntaxError"
        column = f" (column {error.offset})" if error.offset else ""
        message = f"{kind}: {error.msg}{column}" + (f": {code}" if code else "")
        raise Unreadable(message, f"{file}:{line}") from None
    except (RecursionError, MemoryError):
        raise Unreadable("the code is nested too deeply for Python to read") from None
    except ValueError as error:
        raise Unreadable(f"not Python: {error}") from None


def _future_flags(statement: ast.stmt) -> int:
    if not isinstance(statement, ast.ImportFrom) or statement.module != "__future__":
        return 0
    import __future__

    features = (getattr(__future__, alias.name, None) for alias in statement.names)
    return sum(f.compiler_flag for f in features if f is not None)


def _read_notebook(source: Source, filename: str, data: bytes) -> None:
    try:
        cells = list(notebook.code_cells(data))
    except RecursionError:
        raise Unreadable("the notebook is nested too deeply") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unreadable("the notebook is broken: it is not the JSON of a notebook") from None
    if not cells:
        raise Unreadable("the notebook has no code cells")
    flags = 0
    for number, text in enumerate(cells, start=1):
        file = f"{filename} cell {number}"
        try:
            tree = _parse(notebook.without_magics(text), file)
        except Unreadable as error:
            place = f":{error.location.rpartition(':')[2]}" if error.location else ""
            source.note(f"cell {number}{place} was passed over: {error.message}")
            continue
        for statement in tree.body:
            flags |= _future_flags(statement)
        source.cells.append(Cell(tree, file, f"cell {number}", flags))
    if not source.cells:
        raise Unreadable(f"no cell of the notebook is Python; {source.notes[0]}")


@dataclass
class Loaded:
    """An executed submission."""

    module: types.ModuleType
    functions: dict[str, str]  # name → "mlp.py:41", or "" where no line is known
    notes: list[str]


def execute(source: Source) -> Loaded:
    """Runs the cells of `source` in a new module; raises Exited when one calls sys.exit()."""
    module = types.ModuleType(source.name)
    sys.modules[source.name] = module
    for cell in source.cells:
        try:
            code = compile(cell.tree, cell.file, "exec", cell.flags, dont_inherit=True)
            exec(code, module.__dict__)
        except SystemExit:
            raise Exited(f"sys.exit() was called while loading ({cell.label})") from None
        except BaseException as error:
            kind, text, location = describe(error)
            through = places(error)
            where = through[0][1] if through else cell.label
            inside = f" (in {location})" if location not in ("", where) else ""
            raised = f"{kind}{text and ': ' + text}{inside}"
            source.note(f"{where} was passed over: it raised {raised}")
    return Loaded(module, _functions(source, module.__dict__), source.notes)


def _functions(source: Source, names: dict[str, Any]) -> dict[str, str]:
    """What the submission itself defines and can be called, with its place."""
    places: dict[str, str] = {}
    for cell in source.cells:
        for node in cell.tree.body:
            for name in _bound(node):
                places[name] = f"{cell.file}:{node.lineno}"
    found = {}
    for name, value in list(names.items()):
        if type(name) is not str or name.startswith("__") or isinstance(value, types.ModuleType):
            continue
        code = getattr(value, "__code__", None) if type(value) is types.FunctionType else None
        if code is not None and code.co_filename in {cell.file for cell in source.cells}:
            found[name] = f"{code.co_filename}:{code.co_firstlineno}"
        elif name in places and callable(value):
            found[name] = places[name]
    return found


def _bound(node: ast.stmt) -> Iterator[str]:
    """Names that a top-level statement defines; imports are not definitions."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif not isinstance(node, ast.Import | ast.ImportFrom):
        for child in ast.walk(node):
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                yield child.id


_ERRORS = {
    id(kind): kind.__name__
    for kind in vars(builtins).values()
    if isinstance(kind, type) and issubclass(kind, BaseException)
}


def describe(error: BaseException) -> tuple[str, str, str]:
    """Type, text and place of an exception, whatever its class does to its own text.

    Of a class that is none of Python's own, its nearest base that is: "SizeError (a ValueError)".
    """
    kind = type_name(error)
    of_python = next(_ERRORS[id(t)] for t in type.mro(type(error)) if id(t) in _ERRORS)
    if kind != of_python:  # a class of the student's own
        kind += f" (a {of_python})"
    try:
        text = clip(str(error), 500)
    except BaseException:
        text = "(its text cannot be had)"
    through = places(error)
    where = through[-1][1] if through else ""
    if not text and isinstance(error, AssertionError):
        file, _, line = where.rpartition(":")
        text = clip(linecache.getline(file, int(line)).strip(), 500) if line.isdigit() else ""
    return kind, text, where


def places(error: BaseException) -> list[tuple[str, str]]:
    """Function and place ("mlp.py:41") of the submission's frames that an exception came through.

    Outermost first: the first is a statement outside of its functions while it is loaded.
    """
    found = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if is_foreign(code.co_filename):
            found.append((code.co_name, f"{code.co_filename}:{trace.tb_lineno}"))
        trace = trace.tb_next
    return found


def type_name(value: object) -> str:
    """The name of the type of `value`, whatever its metaclass says."""
    return clip(type.__dict__["__name__"].__get__(type(value)), 100)


def is_foreign(file: str) -> bool:
    """Whether `file` is how locations name a submission: no path, and no <string>."""
    return "/" not in file and "\\" not in file and not file.startswith("<")


def clip(text: str, length: int) -> str:
    """A true `str` of at most `length` characters, also from a subclass that misbehaves."""
    short = str.__getitem__(text, slice(None, length))
    return short if len(short) < length else short + "…"
