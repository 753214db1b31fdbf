"""Is a submission another topic's? Its functions' names say so, whether they work or not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from gradus.course import Course, Topic, UsageError
from gradus.files import read_text
from gradus.inbox.found import Found, Unreadable
from gradus.inside.notebook import code_cells
from gradus.solution import Solution

# Read as text: what is no Python has names, too, and nothing of a student's is parsed here.
_DEFINED = re.compile(
    r"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)|^(\w+)[ \t]*=", re.MULTILINE
)


class OtherTopics:
    """What the topics of a course are known by; each is read when it is first asked for."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._known: dict[str, tuple[set[str], set[str]]] = {}

    def of(self, topic: Topic, source: bytes, filename: str) -> str:
        """The id of the other topic than `topic` whose file this is, or "".

        It has most of the functions that this other topic has and `topic` does not, and nearly none
        of those that only `topic` has: neither a stub nor a half-finished or broken file is so.
        """
        defined = _defined(source, filename)
        mine, in_mine = self._names(topic)
        if mine <= defined:
            return ""
        shares = {}
        for other in self._course.topics:
            theirs, in_theirs = self._names(other)
            only_mine, only_theirs = mine - in_theirs, theirs - in_mine
            if only_theirs and len(only_mine & defined) < len(only_mine) / 4:
                shares[other.id] = len(only_theirs & defined) / len(only_theirs)
        best = max(shares, key=lambda id: shares[id], default="")
        return best if best and shares[best] > 0.5 else ""

    def _names(self, topic: Topic) -> tuple[set[str], set[str]]:
        """What students of a topic write, functions and classes, and all that its file defines."""
        if topic.id not in self._known:
            try:
                self._known[topic.id] = self._read(topic)
            except UsageError:  # a topic that is not the one to be graded may be amiss
                self._known[topic.id] = set(), set()
        return self._known[topic.id]

    def _read(self, topic: Topic) -> tuple[set[str], set[str]]:
        file = self._course.solution(topic)
        if file.is_file():
            solution = Solution.read(file)
            return set(solution.parts()), set(_names(solution.text))
        stub = read_text(self._course.assignment(topic) / f"{topic.id}.py")
        parts = re.split(r"^(?=def |class )", stub, flags=re.MULTILINE)
        written = {n for part in parts if "NotImplementedError" in part for n in _names(part)[:1]}
        return written, set(_names(stub))


def of_other_topics(found: Sequence[Found], course: Course, topic: Topic) -> list[Found]:
    """The submissions, those that look like another topic's with a note; each keeps its score."""
    others = OtherTopics(course)
    told = []
    for item in found:
        try:
            other = others.of(topic, item.read(), item.filename)
        except Unreadable:
            other = ""
        if other:
            note = f"this looks like {other}, not {topic.id}"
            handed_in = item.handed_in.model_copy(update={"looks_like": other})
            notes = "; ".join(filter(None, (note, item.note)))
            item = replace(item, note=notes, handed_in=handed_in)
        told.append(item)
    return told


def _defined(source: bytes, filename: str) -> set[str]:
    try:
        texts = code_cells(source) if filename.endswith(".ipynb") else [source.decode()]
        return {name for text in texts for name in _names(text)}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return set()


def _names(text: str) -> list[str]:
    return [match[1] or match[2] for match in _DEFINED.finditer(text)]
