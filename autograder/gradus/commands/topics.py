"""`gradus list`: the topics and a student's progress."""

from __future__ import annotations

from rich.console import Console

from gradus.course import Course
from gradus.progress import read_progress, topics_table


def topics(course: Course) -> None:
    """Print the table of topics."""
    Console().print(topics_table(course, read_progress(course)))
