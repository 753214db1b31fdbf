"""A function that is missing or wrong costs its own points and no others."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOLUTION = (ROOT / "solutions" / "mlp.py").read_text()
# Calls the stand-in of sgd_update, and looks at it instead of writing one.
PRY = """
import inspect
def sgd_update(params, grads, state, lr):
    raise NotImplementedError
def train(x, y, sizes, epochs, lr, batch_size, seed):
    return inspect.getsource(sgd_update)
"""


def test_one_mistake_costs_its_points_once(tmp_path):
    cases = {
        "missing": SOLUTION.replace("def linear_backward(", "def other("),
        "wrong": SOLUTION.replace("dout.sum(0)", "dout.mean(0)"),
        "two": SOLUTION.replace("w - lr * dw", "w + lr * dw").replace("x > 0", "x < 0"),
        "prying": SOLUTION + PRY,
    }
    for name, source in cases.items():
        (tmp_path / f"{name}.py").write_text(source)
    options = ["--jsonl", "--out", tmp_path / "results", "--isolation", "process"]
    done = subprocess.run(
        [sys.executable, "-m", "gradus", "grade", "mlp", tmp_path, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    results = {r["submission"]: r for r in map(json.loads, done.stdout.splitlines())}
    lost = {
        name: {c["function"] for c in result["checks"] if c["points"] < c["max_points"]}
        for name, result in results.items()
    }
    assert lost["missing"] == lost["wrong"] == {"linear_backward"}
    assert lost["two"] == {"sgd_update", "relu_backward"}
    assert lost["prying"] == {"sgd_update", "train"}
    assert "strict=True" not in done.stdout  # a line of the stand-in
