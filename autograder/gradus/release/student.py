"""What a student gets: stubs as .py and .ipynb, the public checks, a README and the course."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping

from gradus.course import COURSE_FILE, Course, Topic, shown
from gradus.drawing import views_in
from gradus.files import pack_zip, read_text
from gradus.jobs import CheckInfo, points_by_function
from gradus.mistakes.prepare import prepare_public
from gradus.release.formulas import plain
from gradus.release.public import check_public, public_tests
from gradus.solution import Solution
from gradus.tools.notebook import write_notebook
from gradus.tools.questions import question_cells
from gradus.tools.wheel import requirement, wheel_name

_IMPORT = "from gradus.notebook import check, show"


def student_files(course: Course, topic: Topic, checks: Iterable[CheckInfo]) -> dict[str, bytes]:
    """The files of assignments/T by name, from the topic's solution, tests and course entry.

    UsageError names the file and line of what cannot be released.
    """
    test_file = course.test_file(topic)
    solution, tests = Solution.read(course.solution(topic)), read_text(test_file)
    stub = solution.stub()
    check_public(tests, shown(test_file))
    checks = list(checks)
    recording = prepare_public(course, topic)
    files = {
        f"{topic.id}.py": stub,
        f"{topic.id}.ipynb": _notebook(topic, stub, checks),
        f"test_{topic.id}.py": public_tests(
            tests, topic.title, recording.comparisons, shown(test_file)
        ),
        "README.md": _readme(course, topic, solution, checks),
    }
    if course.hints and (hints := solution.hints()):
        plain_hints = {name: [plain(text) for text in texts] for name, texts in hints.items()}
        files["hints.json"] = json.dumps(plain_hints, ensure_ascii=False, indent=1) + "\n"
    return {
        **{name: text.encode() for name, text in files.items()},
        f"test_{topic.id}.msgpack": recording.packed(),
    }


def student_zip(topic: Topic, files: Mapping[str, bytes], course: bytes) -> bytes:
    """The archive that a student unpacks: T/... and course.yaml; the same input, the same bytes."""
    entries = {COURSE_FILE: course, **{f"{topic.id}/{name}": files[name] for name in sorted(files)}}
    return pack_zip(entries)


def _notebook(topic: Topic, stub: str, checks: Collection[CheckInfo]) -> str:
    """The stub as a notebook, with a check under every function and the figure in a cell."""
    public = {check.function for check in checks if check.public}
    cells = []
    for cell in question_cells(Solution(stub, f"{topic.id}.py"), checks):
        cells.append((cell.kind, cell.source))
        if cell.kind == "markdown" and len(cells) == 1:
            cells.append(("code", _IMPORT))
        if cell.kind == "code":
            asked = [question.function for question in cell.questions]
            calls = [f'check("{topic.id}", "{name}")' for name in asked if name in public]
            calls += [f'show("{topic.id}", "{view}")' for view in views_in(cell.source)]
            cells += [("code", call) for call in calls]
    return write_notebook((kind, source, {}) for kind, source in cells)


def _readme(course: Course, topic: Topic, solution: Solution, checks: Iterable[CheckInfo]) -> str:
    points = points_by_function(checks)
    unit = f"Unit *{topic.unit}* · " if topic.unit else ""
    rows = [
        f"| `{f.name}` | {points.get(f.name, 0):g} | {_cell(f.summary)} |"
        for f in solution.functions()
    ]
    lines = [
        f"# {topic.title}",
        "",
        f"{unit}{topic.points} points · about {topic.minutes} minutes"
        f" · difficulty {topic.difficulty} of 5",
        *_place(course, topic, solution),
        "",
        "Install once (Python 3.11 or newer; the wheel comes with the course), check as often as"
        " you like, and open the notebook if you prefer it to an editor:",
        "",
        f'    pip install "{wheel_name()}[student]"',
        f"    gradus check {topic.id}              # --watch: again whenever you save",
        f"    jupyter lab {topic.id}.ipynb",
        "",
        "The first line brings torch, scikit-learn, matplotlib and JupyterLab, about 1.5 GB. On"
        f' Linux without a GPU put `pip install "{requirement("torch")}" --index-url'
        " https://download.pytorch.org/whl/cpu` before it, or gigabytes more come. To use a torch"
        " that is there, make the environment with `python -m venv --system-site-packages`.",
        "",
        f"Write these functions in `{topic.id}.py`, or in the notebook; hand in that one file.",
        "",
        "| function | points | what it does |",
        "|---|---|---|",
        *rows,
        "",
        "Stuck? A hint, then a larger one; and when all works, the figure and the experiment:",
        "",
        f"    gradus hint {topic.id} FUNCTION",
        f"    gradus show {topic.id}",
        f"    gradus show {topic.id} experiment",
        "",
        f"`test_{topic.id}.py` holds the checks that `gradus check` runs. Your work is graded with"
        " these and with others, on other numbers. All calls of one check may compute for"
        f" {topic.limits.check_seconds:g} seconds: enough for products of matrices, not for loops"
        " over all numbers.",
    ]
    asked = [
        f"{metric} of at least {value:g} ({data.replace('_', ' ')})"
        for data, limits in topic.thresholds.items()
        for metric, value in limits.items()
        if data != "mnist"  # which is nobody's who has not fetched it
    ]
    if asked:
        lines += ["", f"What comes of it is asked for as well: {', '.join(asked)}."]
    if topic.forbid:
        names = ", ".join(f"`{name}`" for name in topic.forbid)
        lines += [
            "",
            f"Not to be used, nor anything below them: {names}; nor torch's private names, and what"
            " compiles, traces or differentiates (`torch.jit`, `torch.fx`, `torch.func`,"
            " `torch.compile`). A function that uses one scores 0.",
        ]
    return "\n".join(lines) + "\n"


def _place(course: Course, topic: Topic, solution: Solution) -> Iterator[str]:
    """What comes before and after, and what one can do then."""
    titles = {other.id: other.title for other in course.topics}
    before = ", ".join(titles[name] for name in topic.needs)
    after = ", ".join(other.title for other in course.topics if topic.id in other.needs)
    steps = [f"Before: {before or 'nothing'}.", *([f"After: {after}."] if after else [])]
    if before or after:
        yield from ("", " ".join(steps))
    if objectives := solution.objectives():
        yield from ("", f"Afterwards you can {objectives}")


def _cell(text: str) -> str:
    """`text` inside a Markdown table, where a bar would end the cell."""
    return text.replace("|", "\\|")
