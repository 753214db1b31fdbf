"""`gradus list`: the topics and a student's progress."""

from __future__ import annotations

from rich.console import Console

from gradus.course import Course
from gradus.progress import print_topics, read_progress


def topics(course: Course) -> None:
    """Print the table of topics."""
    print_topics(Console(highlight=False), course, read_progress(course))
