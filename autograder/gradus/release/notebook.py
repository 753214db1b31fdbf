"""py:percent -> notebook, the same bytes every time and nothing executed."""

from __future__ import annotations

import hashlib

from gradus.course import UsageError

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def make_notebook(text: str) -> str:
    """The notebook (nbformat 4.5, JSON) of a py:percent text.

    A cell's id is drawn from its source, so that changing one cell leaves the others' alone.
    Raises UsageError where jupytext and nbformat are not installed.
    """
    try:
        import jupytext
        import nbformat
    except ImportError as error:
        raise UsageError(
            f"{error.name} is not installed: pip install 'gradus[instructor]'"
        ) from None
    notebook = jupytext.reads(text, fmt="py:percent")
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        source = f"{cell.cell_type}\n{cell.source}"
        again = seen[source] = seen.get(source, -1) + 1
        cell.id = hashlib.sha256(f"{source}\n{again}".encode()).hexdigest()[:12]
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook, version=4)) + "\n"  # type: ignore[no-untyped-call]
