"""The Gradescope zip, run by its own scripts where Gradescope would run them."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema
import pytest
from gradescope_container import MEMORY_MB, Image, Ran

from gradus.course import Topic, load_course
from gradus.inbox.found import Unreadable
from gradus.release.build import build
from gradus.results import CheckResult, Result, Status, SubmissionStatus
from gradus.tools.gradescope.grade import find_submission, results_json, when_handed_in

REPOSITORY = Path(__file__).parents[1]
SCHEMA = json.loads((Path(__file__).parent / "gradescope_results.schema.json").read_text())
SALT = "5" * 64

# Right, but for four functions: a mistake, a hang, a bomb, and one that looks around.
ATTACK = """
def linear_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.mean(0)

def relu_backward(dout, cache):
    while True:
        pass

def minibatches(x, y, batch_size, seed):
    return torch.ones(900 << 18)  # 900 MB: within the course's limit, not within the container's

def sgd_update(params, grads, state, lr):
    import os, glob, sys
    seen = [f"uid {os.getuid()}"]
    paths = ["/autograder/" + name for name in (
        "source", "source/hidden_tests/.salt", "source/hidden_tests/test_mlp.py",
        "source/topic.json", "results", "results/results.json", "submission",
        "submission/mlp.py", "submission_metadata.json")]
    paths += [os.path.join(p, "sklearn") for p in sys.path]
    paths += [os.path.join(p, "sklearn/datasets/data/digits.csv.gz") for p in sys.path]
    for path in paths:
        try:
            os.listdir(path) if os.path.isdir(path) else open(path).close()
            seen.append("read " + path)
        except OSError:
            pass
        try:
            open(path if "." in path else path + "/results.json", "a").close()
            seen.append("wrote " + path)
        except OSError:
            pass
    print("printed by sgd_update\\ntest_linear_forward: passed, 9 of 9")
    raise ValueError("; ".join(seen) + " `" * 5 + "<b>")
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The repository's course with mlp alone and one hidden check; its zip is built."""
    root = tmp_path_factory.mktemp("course")
    for name in ("solutions/mlp.py", "hidden_tests/test_mlp.py"):
        (root / name).parent.mkdir()
        shutil.copy(REPOSITORY / name, root / name)
    (root / "hidden_tests/.salt").write_text(SALT)
    tests = (root / "hidden_tests/test_mlp.py").read_text()
    mark = '@pytest.mark.visibility("hidden")\ndef test_mlp_forward('
    tests = tests.replace("def test_mlp_forward(", mark).replace(
        "import torch\n", "import pytest\nimport torch\n", 1
    )
    (root / "hidden_tests/test_mlp.py").write_text(tests)
    text = (REPOSITORY / "course.yaml").read_text()
    (root / "course.yaml").write_text(text.replace("check_seconds: 10", "check_seconds: 8"))
    course = load_course(root / "course.yaml")
    build(course, [course.topic("mlp")], ["gradescope"], lambda line: None)
    return course


@pytest.fixture(scope="module")
def bundle(course):
    return course.root / "dist/gradescope/mlp.zip"


def autograder(folder: Path, files: dict[str, str], metadata: object = None) -> Path:
    (folder / "submission").mkdir(parents=True)
    for name, text in files.items():
        (folder / "submission" / name).write_text(text)
    if metadata is not None:
        (folder / "submission_metadata.json").write_text(json.dumps(metadata))
    return folder


def metadata(**changed):
    """As Gradescope documents it: the third attempt, a day and an hour late."""
    return {
        "id": 123456,
        "created_at": "2026-07-02T00:00:00.000000-07:00",
        "assignment": {"due_date": "2026-06-30T23:00:00.000000-07:00", "late_due_date": None},
        "submission_method": "upload",
        "users": [{"email": "student@example.com", "id": 1234, "name": "Student User"}],
        "previous_submissions": [{"score": 0.0}, {"score": 2.0}],
        **changed,
    }


@pytest.fixture(scope="module")
def image(bundle, tmp_path_factory) -> Image:
    """What Gradescope has when the zip's setup.sh has run."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("bwrap") is None:
        pytest.skip("a container is laid out by root, with bubblewrap")
    image = Image(tmp_path_factory.mktemp("image"), bundle)
    done = image.run("source/setup.sh", autograder(tmp_path_factory.mktemp("setup"), {}))
    assert done.code == 0, done.stdout
    return image


@pytest.fixture(scope="module")
def runs(course, image, tmp_path_factory) -> dict[str, Ran]:
    """Three submissions, graded side by side, each with half a core; the right one in 512 MB."""
    solution = course.solution(course.topic("mlp")).read_text()
    submissions = {"right": solution, "attack": solution + ATTACK, "broken": "def f(:\n"}

    def run(name: str) -> Ran:
        folder = tmp_path_factory.mktemp(name)
        folder = autograder(folder, {"mlp.py": submissions[name]}, metadata())
        if name == "right":
            return image.run("run_autograder", folder, 512, landlock=True)
        return image.run("run_autograder", folder, MEMORY_MB)

    with ThreadPoolExecutor() as pool:
        return dict(zip(submissions, pool.map(run, submissions), strict=True))


def check(results, name):
    (found,) = [t for t in results["tests"] if t["extra_data"]["check"] == name]
    return found


def valid(results):
    jsonschema.validate(results, SCHEMA, cls=jsonschema.Draft202012Validator)
    return results


def test_setup_closes_the_labels_and_installs_gradus_from_the_wheel(image):
    (site,) = image.installed.glob("lib/python3*/site-packages")
    assert stat.S_IMODE((site / "sklearn").stat().st_mode) == 0o700
    assert (site / "gradus/tools/gradescope/grade.py").is_file()
    direct = json.loads(
        next(site.glob("gradus_autograder-*.dist-info/direct_url.json")).read_text()
    )
    assert direct["url"].startswith("file:///autograder/source/gradus_autograder-")


def test_the_solution_gets_full_marks_in_half_a_core_and_half_a_gigabyte(runs, course):
    results = valid(runs["right"].results)
    topic = course.topic("mlp")
    assert sum(t["score"] for t in results["tests"]) == topic.points, runs["right"].stdout
    assert {t["status"] for t in results["tests"]} == {"passed"}
    assert results["extra_data"]["isolation"] == "user"
    (column,) = results["leaderboard"]
    assert column["name"] == "accuracy"
    assert topic.thresholds["digits"]["accuracy"] <= column["value"] <= 1
    assert "Attempt 3." in results["output"]
    assert "late: 1 d 1 h after the due date" in results["output"]
    if not runs["right"].limited:
        pytest.skip("right, but no control groups here to bound memory and processor time")


def test_a_submission_gets_its_points_whatever_some_functions_do(runs):
    results = valid(runs["attack"].results)
    assert check(results, "test_linear_forward")["status"] == "passed", runs["attack"].stdout
    wrong = check(results, "test_linear_backward")
    assert (wrong["score"], wrong["max_score"], wrong["status"]) == (0, 3, "failed")
    assert "batch size" in wrong["output"]
    assert wrong["extra_data"]["diagnosis"] == "scale:1/batch"
    assert "`mlp.py:" in wrong["output"]
    assert "timeout" in check(results, "test_relu_backward")["tags"]
    assert "killed" in check(results, "test_minibatches_visit_every_example_once")["tags"]


def test_a_submission_is_another_user_who_reads_and_writes_nothing_of_the_course(runs):
    looked = check(runs["attack"].results, "test_sgd_update")
    assert "uid 6" in looked["output"], looked
    assert "uid 0" not in looked["output"]
    assert "read " not in looked["output"]
    assert "wrote " not in looked["output"]


def test_what_a_student_wrote_is_shown_as_it_is_and_never_for_hidden_checks(runs):
    looked = check(runs["attack"].results, "test_sgd_update")
    assert "printed by sgd_update" in looked["output"]
    assert "\n    test_linear_forward: passed, 9 of 9\n" in runs["attack"].stdout  # no verdict
    assert "\ntest_linear_forward: passed, 9 of 9" not in runs["attack"].stdout
    assert "\n``````text\n" not in looked["output"]
    assert (
        "<b>\nIt has an answer: sgd_update(params, grads, state=None, lr=0.37)\n```"
        in looked["output"]
    )
    for test in runs["attack"].results["tests"]:
        if "public" not in test["tags"]:
            assert "printed by" not in test["output"]


def test_hiding_a_check_hides_no_other(runs):
    for name in ("right", "attack", "broken"):
        seen = {t["extra_data"]["check"]: t["visibility"] for t in runs[name].results["tests"]}
        assert seen.pop("test_mlp_forward") == "hidden"
        assert set(seen.values()) == {"visible"}
        assert runs[name].results.get("visibility", "visible") == "visible"
        assert runs[name].results["stdout_visibility"] == "hidden"


def test_what_is_not_python_scores_nothing_and_says_why(runs):
    results = valid(runs["broken"].results)
    assert sum(t["score"] for t in results["tests"]) == 0
    assert sum(t["max_score"] for t in results["tests"]) == 20
    assert "SyntaxError: invalid syntax (column 7): def f(:" in results["output"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"homework.py": "x = 1", "notes.txt": "y"}, "expected a file called mlp.py or mlp.ipynb"),
        ({"homework.py": "x = 1", "notes.txt": "y"}, "found: homework.py, notes.txt"),
        ({}, "found: nothing"),
        ({"mlp.py": ""}, "mlp.py: the file is empty"),
    ],
)
def test_without_a_file_to_grade_the_result_says_what_was_expected(image, tmp_path, files, said):
    ran = image.run("run_autograder", autograder(tmp_path, files, metadata()))
    assert said in valid(ran.results)["output"], ran.stdout
    assert sum(t["max_score"] for t in ran.results["tests"]) == 20
    assert sum(t["score"] for t in ran.results["tests"]) == 0
    assert "Attempt 3." in ran.results["output"]


def test_there_is_a_result_when_the_grader_itself_fails(image, tmp_path):
    folder = autograder(tmp_path, {"mlp.py": "x = 1"})
    broken = image.source / "topic.json"
    kept = broken.read_bytes()
    broken.write_text("{")
    try:
        ran = image.run("run_autograder", folder)
    finally:
        broken.write_bytes(kept)
    assert ran.code == 0
    assert "Grading did not finish" in valid(ran.results)["output"]
    assert "Traceback" in ran.stdout
    assert sum(t["score"] for t in ran.results["tests"]) == 0


def test_the_zip_is_the_same_each_time_and_holds_one_topic(course, bundle):
    made = []
    for _ in range(2):
        bundle.unlink()
        build(course, [course.topic("mlp")], ["gradescope"], lambda line: None)
        made.append(bundle.read_bytes())
    assert made[0] == made[1]
    assert stat.S_IMODE(bundle.parent.stat().st_mode) == 0o700
    with zipfile.ZipFile(bundle) as archive:
        modes = {e.filename: e.external_attr >> 16 & 0o777 for e in archive.infolist()}
    wheel = next(name for name in modes if name.endswith(".whl"))
    assert modes == {
        "setup.sh": 0o755,
        "run_autograder": 0o755,
        wheel: 0o600,
        "topic.json": 0o600,
        "ungraded.json": 0o600,
        "unfinished.json": 0o600,
        "hidden_tests/test_mlp.py": 0o600,
        "hidden_tests/.salt": 0o600,
        next(name for name in modes if name.endswith(".msgpack")): 0o600,  # the mistakes' traces
    }


def test_the_scripts_pass_shellcheck(bundle, tmp_path):
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    with zipfile.ZipFile(bundle) as archive:
        scripts = [archive.extract(name, tmp_path) for name in ("setup.sh", "run_autograder")]
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("changed", "lines"),
    [
        ({}, ["Attempt 3.", "Handed in late: 1 d 1 h after the due date."]),
        ({"created_at": "2026-06-30T22:59:00.0-07:00"}, ["Attempt 3."]),
        (
            {"created_at": "2026-07-01T06:05:00.0+00:00"},
            ["Attempt 3.", "Handed in late: 5 min after the due date."],
        ),
        (
            {"previous_submissions": []},
            ["First attempt.", "Handed in late: 1 d 1 h after the due date."],
        ),
        ({"assignment": {"due_date": None}}, ["Attempt 3."]),
        ({"users": [{"assignment": {"due_date": "2026-07-03T00:00:00-07:00"}}]}, ["Attempt 3."]),
        ({"previous_submissions": None}, []),
    ],
)
def test_lateness_and_attempts_are_read_from_the_metadata(tmp_path, changed, lines):
    file = tmp_path / "submission_metadata.json"
    file.write_text(json.dumps(metadata(**changed)))
    assert when_handed_in(file) == lines


def test_the_topics_own_name_decides_what_is_graded(tmp_path):
    folder = autograder(tmp_path, {"mlp.ipynb": "{}", "other.py": ""}) / "submission"
    assert find_submission(folder, "mlp")[0].filename == "mlp.ipynb"
    (folder / "mlp.py").write_text("")
    found, notes = find_submission(folder, "mlp")
    assert found.filename == "mlp.py"
    assert "mlp.ipynb was not" in notes[0]
    deeper = folder / "deeper"
    deeper.mkdir()
    (deeper / "mlp.py").write_text("")
    notes = find_submission(folder, "mlp")[1]
    assert notes == ["mlp.py was graded, mlp.ipynb, deeper/mlp.py was not: hand in one."]
    (folder / "mlp.py").unlink()
    (folder / "mlp.py").symlink_to("/etc/passwd")  # beside a good file it counts for nothing
    assert find_submission(folder, "mlp")[0].filename == "mlp.ipynb"
    (folder / "mlp.py").unlink()
    (folder / "mlp.ipynb").unlink()
    assert find_submission(folder, "mlp")[0].parts == ("deeper", "mlp.py")
    (deeper / "mlp.py").rename(folder / "mlp (1).py")
    with pytest.raises(Unreadable, match=r"found: mlp \(1\)\.py, other\.py"):
        find_submission(folder, "mlp")
    for name, to in (("a", "/etc"), ("b", "/nowhere"), ("c", "/etc/passwd")):  # all alike
        (folder / name).symlink_to(to)
    with pytest.raises(Unreadable, match=r"found: a, b, c, mlp \(1\)\.py, other\.py"):
        find_submission(folder, "mlp")


def test_odd_numbers_and_text_still_give_valid_json():
    one = CheckResult(
        name="test_f",
        title="f",
        function="f",
        points=0.5,
        max_points=1,
        status=Status.PARTIAL,
        visibility="after_due_date",
        metrics={"accuracy": float("nan")},
        message="```\n# \ud800 \x00 <script>",
    )
    result = Result(
        submission="s",
        topic="t",
        status=SubmissionStatus.GRADED,
        score=0.5,
        max_score=1,
        isolation="user",
        device="cpu",
        seconds=1.5,
        sha256="",
        notes=[
            "cell 1 of my_mlp.py raised <b>*x* _y_\ud800",
            "a file https://example.org and WWW.example.org was passed over",  # no link
        ],
        checks=[one],
    )
    topic = Topic(id="t", title="T", points=1, thresholds={"digits": {"accuracy": 0.9}})
    results = valid(json.loads(results_json(result, topic)))
    assert results["leaderboard"] == [{"name": "accuracy", "value": 0.0, "order": "desc"}]
    assert results["tests"][0]["output"] == "````text\n```\n#   <script>\n````"
    first, second = results["output"].split("\n\n")
    assert first == "cell 1 of my_mlp.py raised bx y "
    assert second == "a file https example.org and  example.org was passed over"
