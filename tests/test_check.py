"""`gradus check` as a student uses it: in a folder with course.yaml and the assignments."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOLUTION = (ROOT / "solutions" / "mlp.py").read_text()


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "assignments", tmp_path, dirs_exist_ok=True)
    (tmp_path / "mlp" / "mlp.ipynb").unlink()
    return tmp_path


def gradus(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "gradus", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "120"},
    )


def rows(output):
    """Function -> (mark, points) as printed."""
    found = re.findall(r"^ +([✔✘○]) (\w+) .*?(\d+)/(\d+)$", output, re.MULTILINE)
    return {function: (mark, int(points)) for mark, function, points, _ in found}


def test_the_stub_scores_nothing_and_says_so_kindly(folder):
    done = gradus(folder, "check", "mlp")
    assert done.returncode == 1
    assert re.search(r"· 0 of \d+ checks", done.stdout)
    assert "not implemented yet" in done.stdout
    assert "✘" not in done.stdout


def test_the_solution_passes_and_is_remembered(folder):
    (folder / "mlp" / "mlp.py").write_text(SOLUTION)
    done = gradus(folder, "check", "mlp")
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(mark == "✔" for mark, _ in rows(done.stdout).values())
    progress = json.loads((folder / ".gradus" / "progress.json").read_text())
    assert progress["mlp"]["score"] == progress["mlp"]["max_score"] > 0
    assert "✔" in gradus(folder, "list").stdout


def test_mistakes_are_named_and_cost_their_own_points_only(folder):
    wrong = (
        SOLUTION.replace("dout.sum(0)", "dout.mean(0)")
        .replace("return dout * cache", "return dout * (dout > 0)")
        .replace("w - lr * dw, b - lr * db", "w + lr * dw, b + lr * db")
    )
    file = folder / "elsewhere.py"
    file.write_text(wrong)
    done = gradus(folder, "check", "mlp", "elsewhere.py")
    assert done.returncode == 1
    shown = rows(done.stdout)
    assert {name for name, (mark, _) in shown.items() if mark == "✘"} == {
        "linear_backward",
        "relu_backward",
        "sgd_update",
        "mlp_backward",
        "train",
    }
    text = " ".join(done.stdout.split())
    assert "gradient of b: averaged over the batch: if the loss is a mean" in text
    # What calls them cannot be judged at home, and says so.
    assert "It calls linear_backward, which fails its own check: mend that first." in text
    assert "It calls mlp_backward, which fails its own check: mend that first." in text
    assert "taken from dout" in text
    assert "uphill" in text
    line = 1 + wrong.splitlines().index("def linear_backward(dout, cache):")
    assert f"elsewhere.py:{line}" in done.stdout


def test_a_crash_and_a_hang_are_lines_in_the_table(folder):
    with (folder / "course.yaml").open("a") as course:
        course.write("limits: {check_seconds: 3}\n")
    hang = SOLUTION.replace("return dout * cache", "while True: pass").replace(
        "return x @ w + b, (x, w)", "import os; os._exit(3)"
    )
    (folder / "mlp" / "mlp.py").write_text(hang)
    done = gradus(folder, "check", "mlp")
    assert done.returncode == 1
    shown = rows(done.stdout)
    assert shown["linear_forward"] == ("✘", 0)
    assert shown["relu_backward"] == ("✘", 0)
    assert shown["relu_forward"][0] == shown["sgd_update"][0] == "✔"
    assert "computed for more than 3 s" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "mpl"], "did you mean 'mlp'"),
        (["check", "mlp", "nowhere.py"], "no file nowhere.py"),
    ],
)
def test_wrong_usage_is_one_line(folder, arguments, message):
    done = gradus(folder, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_watch_checks_again_when_the_file_is_saved(folder):
    file = folder / "mlp" / "mlp.py"
    watching = subprocess.Popen(
        [sys.executable, "-u", "-m", "gradus", "check", "mlp", "--watch"],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        seen = []
        for line in watching.stdout:
            if found := re.search(r"· (\d+) of (\d+) checks", line):
                seen.append(found.groups())
            if "watching" in line and len(seen) == 1:
                draft = file.with_suffix(".tmp")  # saved as editors do it: written aside, renamed
                draft.write_text(SOLUTION)
                draft.rename(file)
            if len(seen) == 2:
                break
        (none, some), (all_of_them, again) = seen
        assert (none, all_of_them) == ("0", some)
        assert some == again
    finally:
        watching.kill()
        watching.wait()
        watching.stdout.close()
