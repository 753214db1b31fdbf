"""py:percent -> notebook, the same bytes every time and nothing executed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from gradus.distribution import require
from gradus.solution import Solution

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def make_notebook(text: str) -> str:
    """The notebook (nbformat 4.5, JSON) of a py:percent text.

    Raises UsageError where jupytext and nbformat are not installed.
    """
    return write_notebook([(kind, source, {}) for kind, source in Solution(text).cells()])


def write_notebook(cells: Iterable[tuple[str, str, dict[str, Any]]]) -> str:
    """A notebook (nbformat 4.5, JSON) of cells, each its type, source and metadata.

    A cell's id is drawn from its source, so that changing one cell leaves the others' alone.
    """
    require("instructor")
    import nbformat

    seen: dict[str, int] = {}
    notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    for kind, source, metadata in cells:
        text = f"{kind}\n{source}"
        again = seen[text] = seen.get(text, -1) + 1
        id = hashlib.sha256(f"{text}\n{again}".encode()).hexdigest()[:12]
        new = getattr(nbformat.v4, f"new_{kind}_cell")
        notebook.cells.append(new(source, id=id, metadata=metadata))
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook, version=4)) + "\n"  # type: ignore[no-untyped-call]
