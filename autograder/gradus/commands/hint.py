"""`gradus hint`: what a function needs, in three steps, and never its code."""

from __future__ import annotations

import re

from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from gradus.commands.check import newest
from gradus.course import Course, Topic, UsageError, shown
from gradus.files import write_whole
from gradus.progress import HINTS_LINE, hints_line, read_hints_used, record_hints_used
from gradus.solution import HINTS

HINTS_FILE = "hints.json"

_FILE = TypeAdapter(dict[str, list[str]])  # by function


def hint(course: Course, topic_id: str, function: str | None, everything: bool) -> None:
    """Print one hint more than before and remember that; without `function`, what was used.

    With `everything` all hints, for whoever teaches. Raises UsageError where there are none.
    """
    topic = course.topic(topic_id)
    hints = _read_hints(course, topic)
    of_topic = read_hints_used(course).get(topic.id, {})
    console = Console(highlight=False)
    if function is None:
        for name, texts in hints.items():
            console.print(f"  {name}: {of_topic.get(name, 0)} of {len(texts)} used", markup=False)
            for at, text in enumerate(texts if everything else ()):
                _print(console, at, text)
        if not everything:
            console.print(f"[dim]  gradus hint {topic.id} FUNCTION gives the next one[/]")
        return
    if function not in hints:
        raise UsageError(f"no hints for '{function}' in '{topic.id}': {', '.join(hints)}")
    texts = hints[function]
    count = len(texts) if everything else min(of_topic.get(function, 0) + 1, len(texts))
    for at, text in enumerate(texts[:count]):
        _print(console, at, text)
    if count < len(texts):
        console.print(f"[dim]  {count} of {len(texts)}: the same command gives the next one[/]")
    if not everything:
        record_hints_used(course, topic, function, count)
        if where := _note(course, topic):
            said = f"{where} says which hints were used, for your teacher: no points depend on it"
            console.print(f"[dim]  {said}[/]")


def _note(course: Course, topic: Topic) -> str:
    """Say in the file that is handed in which hints were used; return where, or nothing.

    A .py has it in its last line. A notebook may be open, and who is then asked whether to take the
    file on the disk loses work: it is left alone, and its next check prints the line.
    """
    try:
        file = newest(course, topic)
    except UsageError:  # nothing is written yet
        return ""
    if file.suffix != ".py":
        return f"the next check in {file.name}"
    data = file.read_bytes()
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    end = "\r\n" if "\r\n" in text else "\n"
    line = hints_line(topic.id, read_hints_used(course)[topic.id])
    text = re.sub(rf"(?m)^{HINTS_LINE.pattern}\r?\n?", "", text)
    text += "" if not text or text.endswith("\n") else end
    write_whole(file, f"{text}{line}{end}".encode())
    return f"the last line of {file.name}"


def _read_hints(course: Course, topic: Topic) -> dict[str, list[str]]:
    if not course.hints:
        raise UsageError("this course gives no hints (`hints: false` in course.yaml)")
    file = course.assignment(topic) / HINTS_FILE
    try:
        return _FILE.validate_json(file.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"no {shown(file)}: it comes with the assignment") from None
    except ValidationError:
        raise UsageError(f"{shown(file)} is damaged: take it from the assignment again") from None


def _print(console: Console, at: int, text: str) -> None:
    console.print(f"[bold]{at + 1}. {HINTS[at]}[/]")
    console.print(Padding(Text(text), (0, 0, 0, 3)))
