"""Who hands in another topic's file is told so; who hands in any state of the right one is not."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gradus.course import load_course
from gradus.inbox.downloads import gather
from gradus.inbox.topics import OtherTopics, of_other_topics
from gradus.results import Result

ROOT = Path(__file__).resolve().parent.parent
COURSE = load_course(ROOT / "course.yaml")
IDS = [topic.id for topic in COURSE.topics]
MLP = (ROOT / "solutions/mlp.py").read_text()
SOFTMAX = (ROOT / "assignments/softmax_cross_entropy/softmax_cross_entropy.py").read_text()


@pytest.fixture(scope="module", params=["instructor", "student"])
def others(request, tmp_path_factory):
    """The topics by the course's solutions, and by what a student has of it."""
    if request.param == "instructor":
        return OtherTopics(COURSE)
    mine = shutil.copytree(ROOT / "assignments", tmp_path_factory.mktemp("mine") / "course")
    return OtherTopics(load_course(mine / "course.yaml"))


@pytest.mark.parametrize("id", IDS)
def test_each_topics_files_are_told_from_every_others(others, id):
    for other in IDS:
        for file in (ROOT / f"solutions/{other}.py", ROOT / f"assignments/{other}/{other}.ipynb"):
            found = others.of(COURSE.topic(id), file.read_bytes(), file.name)
            assert found == ("" if other == id else other)


def first_functions(text: str, number: int) -> str:
    return "def ".join(re.split(r"^def ", text, flags=re.MULTILINE)[: number + 1])


RIGHT = {
    "one function of it": first_functions(MLP, 1),
    "broken": MLP.replace("):", ")", 5),
    "no functions": "print('hello')\n",
    "some text": "\x80 def",
    "with another below": MLP + SOFTMAX,
    "half of it with another": first_functions(MLP, 4) + SOFTMAX,
    "by assignment": "linear_forward = lambda x: x\nrelu_forward = linear_forward\n"
    "mlp_forward = relu_forward\n" + SOFTMAX,
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_of_the_topic_in_any_state_is_not_another(name):
    source = RIGHT[name].encode("latin-1", "replace")
    topic, others = COURSE.topic("mlp"), OtherTopics(COURSE)
    assert others.of(topic, source, "mlp.py") == ""
    cells = [{"cell_type": "code", "source": RIGHT[name]}]
    notebook = json.dumps({"cells": cells}).encode()
    assert others.of(topic, notebook, "mlp.ipynb") == ""
    assert others.of(topic, notebook[:-9], "mlp.ipynb") == ""


@pytest.mark.parametrize(
    "source", [SOFTMAX, SOFTMAX.replace("):", ")"), SOFTMAX + "def train(): ...\n"]
)
def test_another_topics_is_said_to_be_that_and_keeps_its_score(tmp_path, source):
    (tmp_path / "ben.py").write_text(source)
    (tmp_path / "ada.py").write_text(MLP)
    topic = COURSE.topic("mlp")
    ada, ben = of_other_topics(gather([tmp_path], "mlp"), COURSE, topic)
    assert (ada.note, ada.handed_in.looks_like) == ("", "")
    assert ben.note == "this looks like softmax_cross_entropy, not mlp"
    assert ben.read().decode() == source
    about = dict(score=2, max_score=20, isolation="process", device="cpu", seconds=0, sha256="")
    graded = Result(
        submission="ben", topic="mlp", status="graded", handed_in=ben.handed_in, **about
    )
    assert graded.main_diagnosis() == ben.note


def test_a_student_is_told_by_the_check(tmp_path):
    shutil.copytree(ROOT / "assignments", tmp_path, dirs_exist_ok=True)
    (tmp_path / "homework.py").write_text(SOFTMAX)
    command = [sys.executable, "-m", "gradus", "check", "mlp", "homework.py"]
    env = {**os.environ, "COLUMNS": "100"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=env)
    assert done.stderr == "homework.py looks like softmax_cross_entropy, not mlp\n"
