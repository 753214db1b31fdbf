"""Terminals without our letters, narrow ones, pipes that close, places that cannot be written."""

from __future__ import annotations

import io
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from gradus.audit.audit import TopicAudit
from gradus.audit.table import print_audits
from gradus.course import load_course
from gradus.results import Result

ROOT = Path(__file__).resolve().parent.parent
ENCODINGS = {
    "ascii": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "latin-1": {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},  # of a pipe on Windows
}


def gradus(folder: Path, *arguments: str, **options):
    environment = {**os.environ, "COLUMNS": "80", **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-m", "gradus", *arguments],
        cwd=folder,
        capture_output=True,
        env=environment,
        **options,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """What a student has, and the results of one submission."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(ROOT / "assignments", folder, dirs_exist_ok=True)
    (folder / "a file").touch()
    (folder / "a folder").mkdir()
    (folder / "results/mlp").mkdir(parents=True)
    graded = dict(topic="mlp", status="graded", score=0, max_score=20, isolation="user")
    about = dict(submission="ada", device="cpu", seconds=0, sha256="")
    (folder / "results/mlp/ada.json").write_text(Result(**graded, **about).model_dump_json())
    return folder


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_a_terminal_lacks_has_something_in_its_place(encoding, home):
    told = {}
    for command in ("list", "hint mlp relu_backward", "hint mlp nix"):
        done = gradus(home, *command.split(), env=ENCODINGS[encoding])
        told[command] = (done.stdout + done.stderr).decode(encoding)
        assert done.returncode in (0, 2), told[command]
        assert "Traceback" not in told[command]
    assert re.search(r"^perceptron .*\*oooo", told["list"], re.MULTILINE)


def test_letters_are_written_with_those_that_there_are(tmp_path):
    title = "✔ é β Σ x² 10⁻⁴ ½ ∂L ≤ 漢 x̂ …"
    topic = "{id: a, title: A, points: 1}"
    (tmp_path / "course.yaml").write_text(f"title: '{title}'\ntopics: [{topic}]\n", "utf-8")
    done = gradus(tmp_path, "list", env={"PYTHONIOENCODING": "ascii"})
    assert done.stdout.decode().splitlines()[0].strip() == (
        "+ e beta Sigma x^2 10^-^4 1/2 dL <= ? x ~"
    )


def test_names_and_messages_of_a_check_can_be_read_in_forty_columns(home):
    """Also where it has none of our letters."""
    narrow = dict(env={"COLUMNS": "40", **ENCODINGS["ascii"]})
    done = gradus(home, "check", "softmax_cross_entropy", **narrow).stdout.decode("ascii")
    topic = load_course(home / "course.yaml").topic("softmax_cross_entropy")
    assert set(topic.worth) <= set(done.split())
    assert "it needs log_softmax_forward, which is not implemented yet" in " ".join(done.split())
    assert re.search(r"^  o softmax_forward +0/1$", done, re.MULTILINE)


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_names_stay_whole(columns, home):
    course = load_course(home / "course.yaml")
    words = gradus(home, "list", env={"COLUMNS": str(columns)}).stdout.decode().split()
    assert {topic.id for topic in course.topics} <= set(words)
    out = io.StringIO()
    audit = TopicAudit("universal_approximation", mistakes=(43, 43), mutants=(120, 121))
    print_audits(
        Console(file=out, width=columns, force_terminal=True, color_system=None), [audit], 1
    )
    said = " ".join(out.getvalue().split())
    assert all(text in said for text in (audit.topic, "mistakes 43/43", "mutants 120/121 99.2%"))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            ["export", "results/mlp", "--to", "csv", "--out", "a file/x.csv"],
            "cannot write a file/x.csv: Not a directory",
        ),
        (
            ["export", "results/mlp", "--to", "csv", "--out", "a folder"],
            "cannot write a folder: Is a directory",
        ),
        (["site", "--out", "a file"], "Error: Invalid value for '--out': Directory 'a file'"),
        (["audit", "--html", "a folder"], "Error: Invalid value for '--html': File 'a folder'"),
        (["show", "mlp", "--html", "a folder"], "Error: Invalid value for '--html': File"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_place_that_cannot_be_written_is_said_in_a_line(command, said, home):
    done = gradus(home, *command, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(said)
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_said_in_a_line_and_leaves_no_draft(home):
    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    before = sorted(home.iterdir())
    command = ["export", "results/mlp", "--to", "csv", "--out", "x.csv"]
    done = gradus(home, *command, text=True, preexec_fn=no_room)
    assert (done.returncode, done.stderr) == (2, "cannot write x.csv: File too large\n")
    assert sorted(home.iterdir()) == before


@pytest.mark.parametrize(
    ("place", "reason"), [("a file", "Not a directory"), ("/proc", "No such file or directory")]
)
def test_a_student_whose_folder_cannot_be_written_is_told_all_the_same(
    place, reason, home, tmp_path
):
    """A file where the folder of progress should be, or a folder that takes no files: root may
    write into what is read-only."""
    folder = shutil.copytree(home, tmp_path / "home")
    shutil.rmtree(folder / ".gradus", ignore_errors=True)
    (folder / "a file").touch()
    (folder / ".gradus").symlink_to(place)
    checked = gradus(folder, "check", "lr_schedules", text=True)
    assert (checked.returncode, checked.stderr) == (1, "")
    assert checked.stdout.endswith(f"progress is not kept: {reason}\n")


def test_a_pipe_that_closes_ends_it_quietly(home):
    command = [sys.executable, "-u", "-m", "gradus", "list"]
    running = subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.stdout.close()
    assert running.stderr.read() == b""
    assert running.wait() == 1
