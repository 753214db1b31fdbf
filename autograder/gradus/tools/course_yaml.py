"""course.yaml as others have it: students, and the folders that another tool grades in."""

from __future__ import annotations

import io
from collections.abc import Iterable

from ruamel.yaml import YAML

from gradus.course import Course, Topic


def student_course(course: Course) -> bytes:
    """course.yaml as students have it, beside the topics' folders: what `gradus list` and
    `gradus check` need of it."""
    return _course_yaml(course, course.topics, assignments=".")


def tool_course(course: Course, topics: Iterable[Topic]) -> bytes:
    """course.yaml for a folder that another tool grades in."""
    return _course_yaml(course, topics, isolation=course.isolation)


def _course_yaml(course: Course, topics: Iterable[Topic], **keys: str) -> bytes:
    entries = [topic.model_dump(exclude_defaults=True) for topic in topics]
    out = io.StringIO()
    yaml = YAML()
    yaml.width = 100
    yaml.dump({"title": course.title, **keys, "topics": entries}, out)
    return f"# Made by `gradus build`.\n{out.getvalue()}".encode()
