"""Ways to torch's ready answers that lead through others' code earn nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gradus.solution import Solution

ROOT = Path(__file__).resolve().parent.parent
STUB = Solution((ROOT / "solutions" / "softmax_cross_entropy.py").read_text()).stub()
# What is called by others is handed over by the submission.
DOORS = {
    "copy": """
import copy
class Call:
    def __init__(self, *call): self.call = call
    def __reduce_ex__(self, protocol): return self.call[0], self.call[1:]
def door(function, *arguments):
    return copy.copy(Call(function, *arguments))
""",
    "thread": """
import concurrent.futures
def door(function, *arguments):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result()
""",
    "mock": """
from unittest import mock
def door(function, *arguments):
    return mock.Mock(side_effect=function)(*arguments)
""",
    "compile": """
def door(function, *arguments):
    names = {"f": function, "a": arguments}
    exec(compile("value = f(*a)", "/usr/lib/python3/x.py", "exec"), names)
    return names["value"]
""",
    "disguise": """
def door(function, *arguments):
    names = {"f": function, "a": arguments}
    exec(compile("value = f(*a)", torch.__file__, "exec"), names)
    return names["value"]
""",
    "replace": """
def call(function, arguments):
    return function(*arguments)
def door(function, *arguments):
    call.__code__ = call.__code__.replace(co_filename=torch.__file__)
    return call(function, arguments)
""",
    "marshal": """
import marshal
def door(function, *arguments):
    names = {"f": function, "a": arguments}
    code = marshal.dumps(compile("value = f(*a)", "~" * len(torch.__file__), "exec"))
    exec(marshal.loads(code.replace(b"~" * len(torch.__file__), torch.__file__.encode())), names)
    return names["value"]
""",
    "<angle": """
def door(function, *arguments):
    return function(*arguments)
""",
}
ANSWERS = """
import sys
functional = getattr(torch, "n" + "n").functional
formulas = sys.modules["torch._de" + "comp.decompositions"]
def softmax_forward(x):
    p = door(functional.softmax, x, 1)
    return p, p
def softmax_backward(dout, cache):
    return door(getattr(formulas, "_softmax_back" + "ward_data"), dout, cache, 1, cache.dtype)
def cross_entropy_forward(log_p, y):
    return door(functional.nll_loss, log_p, y), (log_p, y)
"""
NUMPYS = """
import numpy
def log_softmax_forward(x):
    sums = getattr(numpy, "logadd" + "exp").reduce(x.numpy(), axis=1, keepdims=True)
    out = x - torch.from_numpy(sums)
    return out, out
def softmax_forward(x):
    p = getattr(torch, "distribu" + "tions").transforms.SoftmaxTransform()(x)
    return p, p
"""
# A forward that is wrong, and a cache without an end.
CYCLE = """
def softmax_forward(x):
    cache = [x]
    cache.append(cache)
    return x, cache
def softmax_backward(dout, cache):
    return dout
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder, out = tmp_path_factory.mktemp("doors"), tmp_path_factory.mktemp("results")
    texts = {name: door + ANSWERS for name, door in DOORS.items()}
    for name, text in (texts | {"numpys": NUMPYS, "cycle": CYCLE}).items():
        (folder / f"{name}.py").write_text(f"{STUB}\n{text}")
    command = ["grade", "softmax_cross_entropy", str(folder), "--jsonl", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "gradus", *command, "--workers", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = map(json.loads, done.stdout.splitlines())
    return {result["submission"]: result for result in found}


@pytest.mark.parametrize("name", [*DOORS, "numpys"])
def test_what_others_call_for_a_submission_it_has_called(results, name):
    assert results[name]["score"] == 0
    assert "may not be used in this topic" in str(results[name]["checks"])


def test_a_cache_without_an_end_is_judged(results):
    assert results["cycle"]["score"] == 0
    assert results["cycle"]["status"] == "graded"
