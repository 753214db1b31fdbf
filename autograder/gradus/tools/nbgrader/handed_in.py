"""What nbgrader may read of a submission: the cells of its notebook, and no other file."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter

from gradus.inbox.outputs import without_outputs

MAX_CHARACTERS = 1 << 28
MAX_KEPT = 10 << 20  # bytes without outputs
MAX_CELLS = 2000
MAX_BLANK = 100  # lines without text in a row: Pygments' time grows with their square
LINKED = "This was a link."
_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def remove_links(assignment: str, student: str, notebooks: Sequence[str]) -> None:
    """nbgrader's `pre_convert_hook`: it would copy what a link, a pipe or a device in submitted/
    leads to into the feedback, a secret or a classmate's work."""
    for folder in {os.path.dirname(notebook) for notebook in notebooks}:
        for link in filter(os.path.islink, (os.path.dirname(folder), folder)):
            _remove(link)
            os.makedirs(folder)
        for path in list(_not_files(folder)):
            _remove(path)
    for notebook in notebooks:  # which nbgrader has on its list already
        if not os.path.lexists(notebook):
            Path(notebook).write_text(LINKED)


def _remove(path: str) -> None:
    logging.getLogger("traitlets").warning("removed, not a file of the student's: %r", path)
    os.unlink(path)


def _not_files(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            if os.path.islink(path) or not (os.path.isfile(path) or os.path.isdir(path)):
                yield path


class HandedIn(NotebookExporter):
    """In the place of the exporter that reads notebooks for `nbgrader autograde`."""

    def from_filename(
        self, filename: str, resources: Any = None, **options: Any
    ) -> tuple[Any, Any]:
        """As `from_file`; a link, which could not be removed, is a notebook that says so."""
        folder = os.path.dirname(filename)
        if any(map(os.path.islink, (os.path.dirname(folder), folder, filename))):
            return self.from_file(io.StringIO(LINKED), resources, **options)
        made: tuple[Any, Any] = super().from_filename(filename, resources, **options)
        return made

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
    kept = without_outputs(text.encode(errors="backslashreplace"))
    if len(kept) > MAX_KEPT:
        raise ValueError(f"more than {MAX_KEPT >> 20} MB without its outputs")
    read = json.loads(kept)
    found = [cell for sheet in read.get("worksheets", [read]) for cell in sheet["cells"]]
    if len(found) > MAX_CELLS:
        raise ValueError(f"more than {MAX_CELLS} cells")
    cells = []
    for cell in found:
        kind = cell["cell_type"] if cell["cell_type"] in ("code", "raw") else "markdown"
        source = cell["source"] if "source" in cell else cell["input"]
        new = getattr(nbformat.v4, f"new_{kind}_cell")(_shown(source))
        given = cell.get("metadata", {}).get("nbgrader")
        if isinstance(given, dict):
            plain = {k: v for k, v in given.items() if isinstance(v, str | int | float)}
            new.metadata = nbformat.from_dict({"nbgrader": plain})  # type: ignore[no-untyped-call]
        cells.append(new)
    return cells


def _shown(source: str | list[str]) -> str:
    """A cell's text, with broken Unicode as escapes and no more than some blank lines in a row."""
    text = source if isinstance(source, str) else "".join(source)
    lines: list[str] = []
    blank = 0
    for line in text.encode(errors="backslashreplace").decode().split("\n"):
        blank = 0 if line.strip() else blank + 1
        if blank <= MAX_BLANK:
            lines.append(line)
    return "\n".join(lines)


def remove_others(folder: Path, given: Path) -> None:
    """Of an assignment's folder in autograded/, which nbgrader copies to feedback/: all files that
    `given` has not, but the notebooks in it and the time of submission."""
    for path in folder.rglob("*"):
        at_top = path.parent == folder  # nbgrader itself looks nowhere else
        known = at_top and (path.suffix == ".ipynb" or path.name == "timestamp.txt")
        if path.is_file() and not known and not (given / path.relative_to(folder)).is_file():
            path.unlink()
