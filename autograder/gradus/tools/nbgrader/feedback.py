"""The page of `nbgrader generate_feedback`."""

from __future__ import annotations

from typing import Any

from nbconvert.exporters import HTMLExporter
from nbgrader.utils import is_grade


class Feedback(HTMLExporter):
    """nbgrader's page; the scores at its top have their functions' names, not all "Test cell"."""

    def from_notebook_node(  # type: ignore[override]
        self, nb: Any, resources: Any = None, **options: Any
    ) -> tuple[str, Any]:
        """The page; the cells' names are the course's own (`Tidy` has restored them)."""
        page, resources = super().from_notebook_node(nb, resources, **options)
        for cell in filter(is_grade, nb.cells):
            link = f'<a href="#{cell.metadata.nbgrader.grade_id}">'
            name = f"<code>{cell.metadata.nbgrader.grade_id}</code>"
            page = page.replace(f"{link}Test cell</a>", f"{link}{name}</a>")
        return page, resources
