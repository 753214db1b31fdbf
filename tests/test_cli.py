"""The command line through its door: a process with exit code, output and one line of error."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from gradus.cli import build, cli
from gradus.course import load_course
from gradus.progress import record_progress
from gradus.release.build import TARGETS

COURSE = """\
title: A course
topics:
  - {id: first, title: First steps, unit: walking, points: 3, minutes: 20}
  - {id: second, title: Second steps, unit: running, points: 5, minutes: 45, difficulty: 5}
"""
HEAVY = ("torch", "numpy", "pydantic", "ruamel", "rich", "pytest", "jupytext", "msgpack")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "course.yaml").write_text(COURSE)
    return tmp_path


def gradus(*arguments: str, program: str = "from gradus.cli import main; main()"):
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "100"},
    )


def test_help_imports_nothing_heavy():
    program = (
        "import sys; from gradus.cli import cli; cli.main(['--help'], standalone_mode=False);"
        f"print('heavy:', sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    done = gradus(program=program)
    assert "heavy: []" in done.stdout, done.stderr
    for command in cli.commands:
        assert f"  {command} " in done.stdout


@pytest.mark.parametrize("name", ["check", "build", "grade", "audit"])
def test_help_of_a_command_shows_how_to_call_it(name):
    command = cli.commands[name]
    help_text = command.get_help(click.Context(command, info_name=name))
    assert "Examples:" in help_text
    assert f"gradus {name} " in help_text


def test_every_target_can_be_asked_for():
    (target,) = [option for option in build.params if option.name == "targets"]
    assert list(target.type.choices) == list(TARGETS)


def test_wrong_usage_is_one_line_and_exit_code_2():
    done = gradus("build", "frist")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "no topic 'frist' in course.yaml (did you mean 'first'?)\n"

    Path("course.yaml").write_text(COURSE + "colour: red\n")
    done = gradus("list")
    assert (done.returncode, done.stderr) == (2, "course.yaml:5: unknown key 'colour'\n")

    done = gradus("build", "--chekc")
    assert done.returncode == 2
    assert "--check" in done.stderr


def test_an_interrupt_is_one_line_and_exit_code_130():
    program = """if True:
        import time
        from gradus.cli import cli, main
        @cli.command()
        def wait():
            print("ready", flush=True)
            time.sleep(60)
        main()"""
    process = subprocess.Popen(
        [sys.executable, "-c", program, "wait"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    out, error = process.communicate()
    assert (process.returncode, out) == (130, b"")
    assert error.strip() == b"stopped"


def test_a_bug_keeps_its_traceback():
    program = """if True:
        from gradus.cli import cli, main
        @cli.command()
        def bug():
            {}["gone"]
        main()"""
    done = gradus("bug", program=program)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "KeyError: 'gone'" in done.stderr


def test_list_shows_the_topics_in_order_with_my_points(folder):
    course = load_course(folder / "course.yaml")
    record_progress(course, course.topic("second"), 2.5, 5)
    record_progress(course, course.topic("first"), 3, 3)
    saved = json.loads((folder / ".gradus" / "progress.json").read_text())
    assert saved["second"]["score"] == 2.5

    lines = gradus("list").stdout.splitlines()
    first, second = (next(line for line in lines if name in line) for name in ("first", "second"))
    assert lines.index(first) < lines.index(second)
    assert first.split() == ["first", "First", "steps", "20", "●●●○○", "3", "of", "3", "✔"]
    assert second.split() == ["second", "Second", "steps", "45", "●●●●●", "2.5", "of", "5"]
    assert lines[-1].split() == ["all", "65", "of", "8"]

    (folder / ".gradus" / "progress.json").write_text("{")
    done = gradus("list")
    assert done.returncode == 2
    assert done.stderr.startswith(".gradus/progress.json is damaged: delete it")


def test_doctor_says_whether_this_machine_may_grade(folder):
    (folder / "course.yaml").write_text(COURSE + "isolation: process\n")
    done = gradus("doctor")
    assert done.returncode == 0, done.stderr
    for subject in ("torch", "isolation: namespaces", "otter", "nbgrader", "MNIST", "salt"):
        assert subject in done.stdout
    assert "the course accepts process or stronger" in " ".join(done.stdout.split())
