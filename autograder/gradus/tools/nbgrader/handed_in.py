"""What nbgrader may read of a submission: the cells of its notebook, and no other file."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter

MAX_CHARACTERS = 1 << 28
MAX_CELLS = 2000
_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def remove_links(assignment: str, student: str, notebooks: Sequence[str]) -> None:
    """nbgrader's `pre_convert_hook`: it would copy what a link, a pipe or a device in submitted/
    leads to into the feedback, a secret or a classmate's work."""
    for folder in {os.path.dirname(notebook) for notebook in notebooks}:
        for path in _not_files(folder):
            logging.getLogger("traitlets").warning("removed, not a file of the student's: %r", path)
            os.unlink(path)
            if path in notebooks:
                Path(path).write_text("This was a link.")  # nbgrader has it on its list already


def _not_files(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            if os.path.islink(path) or not (os.path.isfile(path) or os.path.isdir(path)):
                yield path


class HandedIn(NotebookExporter):
    """In the place of the exporter that reads notebooks for `nbgrader autograde`."""

    def from_file(self, file_stream: Any, resources: Any = None, **options: Any) -> tuple[Any, Any]:
        """The cells' source and nbgrader's metadata, of any version. Outputs, whose validation can
        take minutes, and the other metadata, which pages show as they are, stay out. What cannot
        be read is a notebook that says so."""
        try:
            cells = _cells(file_stream.read(MAX_CHARACTERS + 1))
        except Exception as error:  # whatever a student has made of it
            said = f"This notebook could not be read: {type(error).__name__}: {error}"
            cells = [nbformat.v4.new_markdown_cell(said)]  # type: ignore[no-untyped-call]
        metadata = {"kernelspec": dict(_KERNEL)}
        notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)  # type: ignore[no-untyped-call]
        made: tuple[Any, Any] = self.from_notebook_node(notebook, resources, **options)  # type: ignore[no-untyped-call]
        return made


def _cells(text: str) -> list[Any]:
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"more than {MAX_CHARACTERS >> 20} MB")
    read = json.loads(text)
    found = [cell for sheet in read.get("worksheets", [read]) for cell in sheet["cells"]]
    if len(found) > MAX_CELLS:
        raise ValueError(f"more than {MAX_CELLS} cells")
    for cell in found:
        if cell["cell_type"] == "code":
            cell["outputs"] = []
    cells = []
    for cell in nbformat.reads(json.dumps(read), as_version=4).cells:  # type: ignore[no-untyped-call]
        new = getattr(nbformat.v4, f"new_{cell.cell_type}_cell")(str(cell.source))
        given = cell.metadata.get("nbgrader")
        new.metadata = {"nbgrader": given} if isinstance(given, dict) else {}
        cells.append(nbformat.from_dict(new))  # type: ignore[no-untyped-call]
    return cells


def remove_others(folder: Path, given: Path) -> None:
    """Of an assignment's folder in autograded/, which nbgrader copies to feedback/: all files that
    `given` has not, but notebooks and the time of submission."""
    for path in folder.rglob("*"):
        known = path.suffix == ".ipynb" or path.name == "timestamp.txt"
        if path.is_file() and not known and not (given / path.relative_to(folder)).is_file():
            path.unlink()
