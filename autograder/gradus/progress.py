"""What a student has reached so far, and the table of topics that shows it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError
from rich.console import Console
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

from gradus.course import Course, Topic, UsageError, shown
from gradus.files import write_whole

T = TypeVar("T")


class Progress(BaseModel):
    """The last check of one topic: 0 ≤ score ≤ max_score, points of the checks that were run."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    score: float
    max_score: float
    when: AwareDatetime


_PROGRESS = TypeAdapter(dict[str, Progress])
_HINTS_USED = TypeAdapter(dict[str, dict[str, int]])
# A line that says which hints were used: in a .py, or in what a notebook's checks have printed.
HINTS_LINE = re.compile(r"# hints used in (\w{1,80}): (\w{1,80} [1-3](?:, \w{1,80} [1-3])*)")


def read_progress(course: Course) -> dict[str, Progress]:
    """Progress by topic, empty before the first check; UsageError when the file is damaged."""
    return _read(_file(course), _PROGRESS, ", and `gradus check` starts anew")


def record_progress(course: Course, topic: Topic, score: float, max_score: float) -> None:
    """Remember the score of a check of `topic`, made now."""
    progress = read_progress(course)
    progress[topic.id] = Progress(score=score, max_score=max_score, when=datetime.now(UTC))
    write_whole(_file(course), _PROGRESS.dump_json(progress, indent=1) + b"\n")


def read_hints_used(course: Course) -> dict[str, dict[str, int]]:
    """How many hints were read, by topic and function; UsageError when the file is damaged."""
    return _read(_file(course, "hints"), _HINTS_USED)


def record_hints_used(course: Course, topic: Topic, function: str, count: int) -> None:
    """Remember how many hints for a function of `topic` were read."""
    used = read_hints_used(course)
    used.setdefault(topic.id, {})[function] = count
    write_whole(_file(course, "hints"), _HINTS_USED.dump_json(used, indent=1) + b"\n")


def hints_line(topic: str, used: Mapping[str, int]) -> str:
    """What HINTS_LINE reads."""
    return f"# hints used in {topic}: " + ", ".join(f"{name} {n}" for name, n in used.items())


def hints_said(source: bytes, topic: str, functions: Collection[str]) -> dict[str, int]:
    """The hints for these functions, 1 to 3, that a submission says were used; anything may stand
    in it, and nothing of that but these numbers comes back."""
    found: dict[str, int] = {}
    for of_topic, said in HINTS_LINE.findall(source.decode(errors="replace")):
        for name, n in (one.split() for one in said.split(", ") if of_topic == topic):
            if name in functions:
                found[name] = max(int(n), found.get(name, 0))
    return found


def print_topics(console: Console, course: Course, progress: dict[str, Progress]) -> None:
    """The topics in order, unit by unit, with what is worth knowing before one starts.

    A narrow terminal gets fewer columns, so that names stay whole.
    """
    boundless = console.options.update(width=1000)
    for left_out in ((), ("title",), ("title", "minutes", "level")):
        table = _topics_table(course, progress, left_out)
        if Measurement.get(console, boundless, table).minimum <= console.width:
            break
    console.print(table)


def _topics_table(
    course: Course, progress: dict[str, Progress], left_out: Collection[str]
) -> Table:
    points, minutes = (sum(t.points for t in course.topics), sum(t.minutes for t in course.topics))
    columns = {
        "topic": Column("topic", "all", no_wrap=True),
        "title": Column("title"),
        "minutes": Column("minutes", str(minutes), justify="right", no_wrap=True),
        "level": Column("level", no_wrap=True),  # of difficulty
        "my points": Column("my points", f"   of {points}", no_wrap=True),
    }
    kept = [name for name in columns if name not in left_out]
    table = Table(
        *(columns[name] for name in kept),
        title=Text(course.title),
        title_justify="left",
        box=None,
        padding=(0, 2, 0, 0),
        show_footer=True,
    )
    unit = ""
    for topic in course.topics:
        if topic.unit != unit:
            table.add_row(Text(topic.unit, "italic"))
        cells: dict[str, str | Text] = {
            "topic": topic.id,
            "title": Text(topic.title),
            "minutes": str(topic.minutes),
            "level": "●" * topic.difficulty + "○" * (5 - topic.difficulty),
            "my points": _reached(progress.get(topic.id), topic.points),
        }
        table.add_row(*(cells[name] for name in kept))
        unit = topic.unit
    return table


def _reached(progress: Progress | None, points: int) -> str:
    if progress is None:
        return f"   of {points}"
    mark = " ✔" if progress.score >= progress.max_score else ""
    return f"{progress.score:>2g} of {points}{mark}"


def _read(file: Path, kept: TypeAdapter[dict[str, T]], then: str = "") -> dict[str, T]:
    try:
        return kept.validate_json(file.read_bytes())
    except FileNotFoundError:
        return {}
    except ValidationError:
        raise UsageError(f"{shown(file)} is damaged: delete it{then}") from None


def _file(course: Course, name: str = "progress") -> Path:
    return course.root / ".gradus" / f"{name}.json"
