"""course.yaml as others have it: students, and the folders that another tool grades in."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

from ruamel.yaml import YAML

from gradus.checks.session import list_checks
from gradus.course import Course, Topic
from gradus.jobs import points_by_function
from gradus.solution import Solution


def student_course(course: Course) -> bytes:
    """course.yaml as students have it, beside the topics' folders: what their commands need."""
    entries = []
    for topic in course.topics:
        entry = topic.model_dump(exclude_defaults=True)
        if course.solution(topic).is_file():
            entry["objectives"] = Solution.read(course.solution(topic)).objectives()
        if course.test_file(topic).is_file():
            entry["worth"] = points_by_function(list_checks(course.test_file(topic)))
        entries.append({key: value for key, value in entry.items() if value})
    keys = {} if course.hints else {"hints": False}
    return _course_yaml(course, entries, assignments=".", **keys)


def tool_course(course: Course, topics: Iterable[Topic]) -> bytes:
    """course.yaml for a folder that another tool grades in."""
    entries = [topic.model_dump(exclude_defaults=True, exclude={"needs"}) for topic in topics]
    return _course_yaml(course, entries, isolation=course.isolation)


def _course_yaml(course: Course, entries: list[dict[str, Any]], **keys: Any) -> bytes:
    out = io.StringIO()
    yaml = YAML()
    yaml.width = 100
    yaml.dump({"title": course.title, **keys, "topics": entries}, out)
    return f"# Made by `gradus build`.\n{out.getvalue()}".encode()
