"""What a student gets: stubs as .py and .ipynb, the public checks, a README and the course."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gradus.course import COURSE_FILE, Course, Topic, shown
from gradus.files import pack_zip, read_text
from gradus.jobs import CheckInfo
from gradus.mistakes.prepare import prepare_public
from gradus.release.public import check_public, public_tests
from gradus.solution import Function, Solution
from gradus.tools.notebook import make_notebook


def student_files(course: Course, topic: Topic, checks: Iterable[CheckInfo]) -> dict[str, bytes]:
    """The files of assignments/T by name, from the topic's solution, tests and course entry.

    UsageError names the file and line of what cannot be released.
    """
    test_file = course.test_file(topic)
    solution, tests = Solution.read(course.solution(topic)), read_text(test_file)
    stub = solution.stub()
    check_public(tests, shown(test_file))
    recording = prepare_public(course, topic)
    files = {
        f"{topic.id}.py": stub,
        f"{topic.id}.ipynb": make_notebook(stub),
        f"test_{topic.id}.py": public_tests(
            tests, topic.title, recording.comparisons, shown(test_file)
        ),
        "README.md": _readme(topic, solution.functions(), checks),
    }
    return {
        **{name: text.encode() for name, text in files.items()},
        f"test_{topic.id}.msgpack": recording.packed(),
    }


def student_zip(topic: Topic, files: Mapping[str, bytes], course: bytes) -> bytes:
    """The archive that a student unpacks: T/... and course.yaml; the same input, the same bytes."""
    entries = {COURSE_FILE: course, **{f"{topic.id}/{name}": files[name] for name in sorted(files)}}
    return pack_zip(entries)


def _readme(topic: Topic, functions: Sequence[Function], checks: Iterable[CheckInfo]) -> str:
    points: dict[str, float] = {}
    for check in checks:
        points[check.function] = points.get(check.function, 0) + check.points
    unit = f"Unit *{topic.unit}* · " if topic.unit else ""
    rows = [f"| `{f.name}` | {points.get(f.name, 0):g} | {_cell(f.summary)} |" for f in functions]
    lines = [
        f"# {topic.title}",
        "",
        f"{unit}{topic.points} points · about {topic.minutes} minutes"
        f" · difficulty {topic.difficulty} of 5",
        "",
        f"Write these functions in `{topic.id}.py`, or in the notebook `{topic.id}.ipynb` if you"
        " prefer; hand in that one file.",
        "",
        "| function | points | what it does |",
        "|---|---|---|",
        *rows,
        "",
        "See what works, what does not, and why, as often as you like:",
        "",
        f"    gradus check {topic.id}",
        f"    gradus check {topic.id} --watch     # again whenever you save",
        "",
        f"`test_{topic.id}.py` holds the checks that this runs. Your work is graded with these and"
        " with others, on other numbers.",
    ]
    if topic.forbid:
        names = ", ".join(f"`{name}`" for name in topic.forbid)
        lines += [
            "",
            f"Not to be used, nor anything below them: {names}. A function that uses one scores 0.",
        ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """`text` inside a Markdown table, where a bar would end the cell."""
    return text.replace("|", "\\|")
