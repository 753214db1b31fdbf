"""The Python in a notebook's cells, read with nothing but json."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator


def code_cells(data: bytes) -> Iterator[str]:
    """The text of each code cell, in order; nbformat 3 keeps cells in worksheets.

    Raises ValueError, LookupError, TypeError, AttributeError or RecursionError if it is broken.
    """
    notebook = json.loads(data.decode("utf-8-sig"))
    cells = notebook.get("cells")
    if cells is None:
        cells = [cell for sheet in notebook["worksheets"] for cell in sheet["cells"]]
    for cell in cells:
        if cell["cell_type"] == "code":
            text = cell["source"] if "source" in cell else cell["input"]
            yield text if isinstance(text, str) else "".join(text)


# Calls of the checks themselves, which the notebooks of students, otter and nbgrader hold.
_CHECK = re.compile(
    r"^([ \t]*)(?:(?:import|from)[ \t]+otter\b.*|grader[ \t]*=[ \t]*otter\..*"
    r"|grader\.(?:check|check_all|export)\(.*\)"
    r"|from[ \t]+gradus\.notebook[ \t]+import\b.*|(?:check|show)\([\"'].*\))[ \t]*$",
    re.MULTILINE,
)
_MAGIC = re.compile(r"^(\s*)(?:(?:[\w.,\s]+=\s*)?[%!].*|\?{1,2}[\w.]+|[\w.]+\?{1,2})\s*$")


def without_magics(text: str) -> str:
    """`text` with every IPython line and call of a check made `pass`, so that line numbers stay."""
    text = _CHECK.sub(r"\1pass", text.replace("\r\n", "\n").replace("\r", "\n"))
    above = 0
    while text.lstrip().startswith("%%"):
        head, _, rest = text.lstrip().partition("\n")
        # cells in another language define nothing; %%time and its like run the rest
        if head.split()[0] not in ("%%time", "%%timeit", "%%capture", "%%prun"):
            return ""
        above += text.count("\n") - rest.count("\n")
        text = rest
    text = "\n" * above + text
    try:
        ast.parse(text)
        return text  # a line that only looks like a magic, for example inside a string
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        lines = text.split("\n")
        return "\n".join(_MAGIC.sub(r"\1pass", line) for line in lines)
