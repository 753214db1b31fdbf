"""dist/otter: a topic as otter-grader takes it, made with `otter assign` itself."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from gradus.course import COURSE_FILE, Course, Topic, UsageError
from gradus.distribution import NAME
from gradus.files import pack_zip, write_tree
from gradus.jobs import CheckInfo
from gradus.rendering import more_points
from gradus.solution import BEGIN, END, Solution, mark
from gradus.tools.course_yaml import tool_course
from gradus.tools.hidden import hidden_files
from gradus.tools.notebook import write_notebook
from gradus.tools.questions import Question, question_cells
from gradus.tools.wheel import make_wheel

PLUGIN = "gradus.tools.otter.plugin.Sandbox"

# What students find instead of a solution. Otter's marks are ours, and it takes them out with the
# block.
_PROMPT = (END, '""" # BEGIN PROMPT', "raise NotImplementedError", '""" # END PROMPT')

_TEST = '''\
""" # BEGIN TEST CONFIG
hidden: {hidden}
points: {points}{said}
""" # END TEST CONFIG
def {name}(env):
    from gradus.notebook import require
    require("{topic}", "{function}", "{name}")
'''


def otter_files(
    course: Course,
    topic: Topic,
    checks: Sequence[CheckInfo],
    student: Mapping[str, bytes],
    *,
    plugin: bool = True,
) -> dict[str, bytes]:
    """The files of dist/otter: T.zip, which `otter run -a` takes, and in T/ the master notebook,
    and the student and autograder folders that `otter assign` makes of it.

    `student` are the files of assignments/T. Without `plugin` stock otter runs what students wrote
    in its own kernel. Raises UsageError when otter assign fails, with the end of what it says.
    """
    id = topic.id
    wheel, wheel_data = make_wheel()
    given = {
        "README.md": student["README.md"],
        COURSE_FILE: tool_course(course, [topic]),
        # in a folder: otter would take a second .py in its own for a second submission
        **{
            f"public_tests/{name}": student[name]
            for name in (f"test_{id}.py", f"test_{id}.msgpack")
        },
    }
    hidden = {
        **hidden_files(course, topic),
        wheel: wheel_data,
    }
    config = {
        "files": ["README.md", COURSE_FILE, "public_tests"],
        # the folder: otter would put its files beside the notebook
        "autograder_files": ["hidden_tests", wheel],
        "requirements": [
            "--extra-index-url https://download.pytorch.org/whl/cpu",
            f"{NAME} @ file:///autograder/source/files/{wheel}",
        ],
        "tests": {"files": True, "ok_format": False},
        "export_cell": {"pdf": False, "run_tests": False},
        "generate": {
            "show_hidden": all(check.visibility != "hidden" for check in checks),
            "plugins": [PLUGIN] if plugin else [],
        },
    }
    cells = question_cells(Solution.read(course.solution(topic)), checks)
    raw = [("raw", f"# ASSIGNMENT CONFIG\n{json.dumps(config, indent=1)}")]
    for cell in cells:
        raw += (
            _asked(cell.source, cell.questions, id)
            if cell.questions
            else [(cell.kind, cell.source)]
        )
    master = write_notebook((kind, source, {}) for kind, source in raw).encode()
    made = _assign(id, {f"{id}.ipynb": master, **given, **hidden})
    return {f"{id}/master/{id}.ipynb": master, **made}


def _asked(source: str, questions: Iterable[Question], topic: str) -> Iterator[tuple[str, str]]:
    """The cells of a question; the functions of one cell are one question each."""
    for question in questions:
        yield "raw", f"# BEGIN QUESTION\nname: {question.function}"
        if source:
            yield "raw", BEGIN
            yield "code", "\n".join(_otter_lines(source))
            yield "raw", END
            source = ""
        yield "raw", "# BEGIN TESTS"
        public = [check for check in question.checks if check.public]
        hidden = question.points - sum(check.points for check in public)
        said = f"\nsuccess_message: {more_points(hidden)}" if hidden > 0 else ""
        for check in question.checks:
            yield (
                "code",
                _TEST.format(
                    hidden="false" if check.public else "true",
                    points=check.points,
                    said=said if check in public[-1:] else "",
                    topic=topic,
                    function=question.function,
                    name=check.name,
                ),
            )
        yield "raw", "# END TESTS"
        yield "raw", "# END QUESTION"


def _otter_lines(source: str) -> Iterator[str]:
    for line in source.split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        if mark(line) == BEGIN:
            yield f"{indent}{BEGIN} NO PROMPT"
        elif mark(line) == END:
            yield from (indent + part for part in _PROMPT)
        else:
            yield line


def _assign(topic: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        root, made = Path(folder) / topic, Path(folder) / "made"
        write_tree(root, files)
        # Our audit runs the solution; otter would start a kernel for it.
        arguments = ["assign", "--no-run-tests", str(root / f"{topic}.ipynb"), str(made)]
        ran = subprocess.run(
            [sys.executable, "-m", "otter", *arguments], cwd=root, capture_output=True, text=True
        )
        archives = list(made.glob("autograder/*.zip"))
        if ran.returncode or len(archives) != 1:
            tail = "\n".join(ran.stderr.strip().splitlines()[-5:])
            raise UsageError(f"otter assign failed on topic '{topic}': {tail}")
        found = {f"{topic}.zip": _packed_again(archives[0])}
        archives[0].unlink()
        for path in sorted(made.rglob("*")):
            if path.is_file():
                notebook = path.suffix == ".ipynb"
                name = f"{topic}/{path.relative_to(made).as_posix()}"
                found[name] = _written_again(path) if notebook else path.read_bytes()
    return found


def _packed_again(archive: Path) -> bytes:
    """Otter's zip without the time of day in it: the same input, the same bytes."""
    with zipfile.ZipFile(archive) as made:
        names = sorted(made.namelist())
        modes = {name: made.getinfo(name).external_attr >> 16 & 0o777 or 0o644 for name in names}
        return pack_zip({name: made.read(name) for name in names}, modes)


def _written_again(notebook: Path) -> bytes:
    """Otter's notebook without its random cell ids."""
    import nbformat

    cells = nbformat.read(notebook, as_version=4).cells  # type: ignore[no-untyped-call]
    return write_notebook((c.cell_type, c.source, c.metadata) for c in cells).encode()
