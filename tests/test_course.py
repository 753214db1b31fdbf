import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from gradus.course import UsageError, check_points, find_course, load_course, read_salt

HEAD = "title: A course\n"
MLP = "topics:\n  - id: mlp\n    title: Perceptron\n    points: 20\n"
COURSE = HEAD + MLP


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GRADUS_SALT", raising=False)
    return tmp_path


def load(text: str):
    Path("course.yaml").write_text(text)
    return load_course(Path("course.yaml"))


@dataclass
class Check:
    points: float


def test_everything_but_id_title_and_points_has_a_default():
    topic = load(COURSE).topic("mlp")
    assert (topic.minutes, topic.difficulty, topic.forbid, topic.thresholds) == (60, 3, [], {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (COURSE + "    point: 3\n", "6: topic 'mlp': unknown key 'point' (did you mean 'points'?)"),
        (COURSE + "colour: 3\n", "6: unknown key 'colour'"),
        (COURSE + "  - {id: mlp, title: B, points: 1}\n", "6: topic 'mlp' is there twice"),
        (
            COURSE + "  - {id: cnn, title: B, points: 1, needs: [rnn]}\n",
            "6: topic 'cnn' needs 'rnn', which is no topic before it",
        ),
        (COURSE + "    points: 3\n", '6: found duplicate key "points"'),
        (COURSE.replace("    points: 20\n", ""), "3: topic 'mlp': the key 'points' is missing"),
        (COURSE.replace("20", "'20'"), "5: topic 'mlp': points: input should be a valid int"),
        (COURSE.replace("20", "true"), "5: topic 'mlp': points: input should be a valid int"),
        (COURSE.replace("20", "0"), "5: topic 'mlp': points: input should be greater than 0"),
        (COURSE.replace("mlp", "My-topic"), "3: topic 'My-topic': id: string should match"),
        (COURSE + "    difficulty: 6\n", "6: topic 'mlp': difficulty: input should be less than"),
        (COURSE + "    forbid: torch.nn\n", "6: topic 'mlp': forbid: input should be a"),
        (
            COURSE + "    thresholds:\n      digits: {accuracy: high}\n",
            "7: topic 'mlp': thresholds.digits.accuracy: input should be a valid number",
        ),
        (
            COURSE + "    limits:\n      memory: 3\n",
            "7: topic 'mlp': limits: unknown key 'memory' (did you mean 'memory_mb'?)",
        ),
        (HEAD + "limits: {check_seconds: 0}\n" + MLP, "2: limits: check_seconds: input should be"),
        (COURSE + "    limits: 3\n", "6: topic 'mlp': limits: input should be a valid mapping"),
        (COURSE + "isolation: strong\n", "6: isolation: input should be 'namespaces', 'user'"),
        (HEAD + "topics: []\n", "2: topics: list should have at least 1 item"),
        (HEAD + "topics:\n  - mlp\n", "3: topic 1: must be a mapping"),
        (MLP, "1: the key 'title' is missing"),
        ("- mlp\n", "1: a course is a mapping"),
        ("", "1: a course is a mapping"),
        (HEAD + "topics: [\n", "3: "),
        (COURSE + "\tminutes: 3\n", "6: found character '\\t'"),
        (COURSE + "    title: a: b\n", "6: mapping values are not allowed here"),
    ],
)
def test_an_error_is_one_line_with_file_line_and_key(text, message):
    with pytest.raises(UsageError) as error:
        load(text)
    assert str(error.value).startswith(f"course.yaml:{message}")
    assert "\n" not in str(error.value)


def test_a_topics_limits_are_laid_over_the_courses():
    course = load(
        HEAD
        + "limits: {check_seconds: 3, memory_mb: 512}\n"
        + MLP
        + "    limits: {memory_mb: 2048}\n"
        + "  - {id: other, title: Other, points: 1}\n"
    )
    own, common = course.topic("mlp").limits, course.topic("other").limits
    assert (own.check_seconds, own.memory_mb, own.processes) == (3, 2048, 32)
    assert common == course.limits


def test_an_unknown_topic_is_answered_with_the_nearest_name():
    course = load(COURSE)
    with pytest.raises(UsageError, match=r"no topic 'mpl' .*did you mean 'mlp'\?"):
        course.topic("mpl")
    with pytest.raises(UsageError, match="there are: mlp"):
        course.select(["mlp", "rnn"])


def test_points_of_the_checks_must_add_up():
    course = load(COURSE)
    topic = course.topic("mlp")
    check_points(course, topic, [Check(0.1)] * 200)
    with pytest.raises(UsageError) as error:
        check_points(course, topic, [Check(10), Check(9.5)])
    assert str(error.value) == (
        "course.yaml:5: topic 'mlp': points: 20, "
        "but the checks in hidden_tests/test_mlp.py add up to 19.5"
    )


def test_the_course_is_found_from_a_folder_below_it(folder, monkeypatch):
    with pytest.raises(UsageError, match=r"no course\.yaml in"):
        find_course()
    load(COURSE)
    (folder / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(folder / "a" / "b")
    assert load_course(find_course()).root == folder


def test_the_salt_is_made_once_and_kept_from_others(folder, monkeypatch):
    course = load(COURSE)
    with pytest.raises(UsageError, match="GRADUS_SALT"):
        read_salt(course)
    (folder / "hidden_tests").mkdir()
    salt = read_salt(course)
    assert len(salt) == 64
    assert read_salt(course) == salt
    assert stat.S_IMODE((folder / "hidden_tests" / ".salt").stat().st_mode) == 0o600
    assert os.listdir(folder / "hidden_tests") == [".salt"]
    monkeypatch.setenv("GRADUS_SALT", "from outside")
    assert read_salt(course) == "from outside"


def test_graders_that_start_together_agree_on_one_salt(folder):
    load(COURSE)
    (folder / "hidden_tests").mkdir()
    program = (
        "import sys; from gradus.course import *; course = load_course(find_course());"
        "sys.stdin.read(); print(read_salt(course))"
    )
    graders = [
        subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    for grader in graders:
        grader.stdin.close()
    salts = {grader.stdout.read() for grader in graders}
    for grader in graders:
        grader.wait()
        grader.stdout.close()
    assert len(salts) == 1
