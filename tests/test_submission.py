"""How a submission is read, called and judged by name, through the judge's own door."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.course import Limits
from gradus.errors import (
    Forbidden,
    Killed,
    LoadError,
    Missing,
    NotImplementedYet,
    Raised,
    TimedOut,
)
from gradus.results import SubmissionStatus
from gradus.sandbox import contain
from gradus.sandbox.launcher import Launcher
from gradus.sandbox.levels import available_levels, best_level
from gradus.student import Student
from gradus.wire.channel import Channel, Closed, Late
from gradus.wire.frames import Garbage, Handle

COMPUTES = b"""
import os
import time

def compute(s):
    until = time.process_time() + s
    while time.process_time() < until:
        pass
    return s

def nap(s):
    time.sleep(s)
    return s

def wait(s):
    return nap(s)

def compute_in_a_child(s):
    pid = os.fork()
    if not pid:
        compute(s)
        os._exit(0)
    os.waitpid(pid, 0)

def compute_in_an_orphan(s):
    if not os.fork():
        if not os.fork():
            compute(s)
        os._exit(0)
    time.sleep(s)
"""
LIMITS = Limits(check_seconds=5.0, submission_seconds=60.0, memory_mb=512, output_kb=4)
UNREADABLE, CRASHED = SubmissionStatus.UNREADABLE, SubmissionStatus.CRASHED
Load = Callable[..., Student]
DTYPES = ["bool", "uint8", "int64", "float16", "bfloat16", "float64", "complex64"]


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    with Launcher(best_level(), LIMITS) as one:
        yield one


@pytest.fixture
def load(launcher: Launcher) -> Iterator[Load]:
    """load(source, filename, forbid) → a Student in its first check."""
    students: list[Student] = []

    def loaded(source: str | bytes, filename: str = "mlp.py", forbid: Any = ()) -> Student:
        data = source if isinstance(source, bytes) else source.encode()
        students.append(Student(launcher, filename, data, forbid))
        students[-1].begin("check", 0)
        return students[-1]

    yield loaded
    for student in students:
        student.close()


def notebook(*cells: str, version: int = 4) -> bytes:
    if version == 3:
        old = [{"cell_type": "code", "input": c.splitlines(True)} for c in cells]
        return json.dumps({"nbformat": 3, "worksheets": [{"cells": old}]}).encode()
    new: list[Any] = [{"cell_type": "markdown", "source": "# not code"}]
    new += [{"cell_type": "code", "source": c.splitlines(True)} for c in cells]
    return json.dumps({"nbformat": 4, "cells": new}).encode()


def framed(value: Any) -> bytes:
    """A well-formed frame around any header at all."""
    header = msgpack.packb(value)
    return struct.pack("<IQ", len(header), 8) + header + bytes(8)


NODES = st.recursive(
    st.none() | st.integers(-1, 9) | st.floats() | st.text(max_size=9) | st.binary(max_size=9),
    lambda node: (
        st.lists(node, max_size=5) | st.dictionaries(st.text(max_size=3), node, max_size=2)
    ),
    max_leaves=30,
)


class TestData:
    def test_values_arrive_as_they_were(self, load: Load) -> None:
        student = load("def same(x):\n    return x")
        for value in [
            None,
            True,
            -(2**63),
            2**200,
            -1.5,
            "text Ω",
            b"\0" * 5000,
            [],
            (),
            {},
            [1, (2, [None]), {"a": {1: b"x", None: ()}}],
        ]:
            assert student.same(value) == value
            assert type(student.same(value)) is type(value)
        assert student.same("half a \ud800 pair").encode().startswith(b"half a")

    @pytest.mark.parametrize("name", DTYPES)
    def test_tensors_of_any_type_and_shape(self, load: Load, name: str) -> None:
        student = load("def same(x):\n    return x\ndef turned(x):\n    return x.mT[:, ::2]")
        for shape in [(), (0, 3), (1, 1), (2, 3, 4)]:
            x = torch.randn(shape).mul(3).to(getattr(torch, name))
            y = student.same(x)
            assert (y.dtype, y.shape, y.requires_grad) == (x.dtype, x.shape, False)
            assert torch.equal(x, y)
        x = torch.randn(2, 6, 4).to(getattr(torch, name)).mT.requires_grad_(name == "float64")
        y = student.turned([x][0])
        assert y.is_contiguous()
        assert torch.equal(y, x.mT[:, ::2])

    def test_numpy_becomes_tensors_and_numbers(self, load: Load) -> None:
        student = load(
            "import numpy as np\n"
            "def kinds(a, s):\n    return type(a).__name__, type(s).__name__\n"
            "def arrays():\n    x = np.arange(6, dtype='>f8')\n"
            "    return x.reshape(2, 3)[:, ::-1], np.float32(2)"
        )
        assert student.kinds(np.ones((2, 2)), np.int64(3)) == ("Tensor", "int")
        array, scalar = student.arrays()
        assert torch.equal(array, torch.tensor([[2.0, 1, 0], [5, 4, 3]], dtype=torch.float64))
        assert scalar == 2.0
        assert type(scalar) is float

    def test_a_cache_stays_where_it_is(self, load: Load) -> None:
        student = load(
            "class Model:\n    w = 3\n"
            "def f_forward(x):\n    return x, (x, {'big': Model()})\n"
            "def f_backward(dout, cache):\n    return dout * cache[1]['big'].w\n"
            "def make():\n    return [Model()]\n"
        )
        _, cache = student.f_forward(2)
        assert type(cache) is Handle
        assert student.f_backward(5, cache) == 15
        assert student.make()[0].type_name == "Model"
        student.end()
        student.begin("next", 0)
        with pytest.raises(Killed, match="lost"):
            student.f_backward(5, cache)

    def test_generators_are_consumed(self, load: Load) -> None:
        student = load(
            "def batches(n):\n    for i in range(n):\n        yield i\n"
            "def late():\n    yield 1\n    raise ValueError('late')"
        )
        assert student.batches(3) == [0, 1, 2]
        with pytest.raises(Raised, match="ValueError: late"):
            student.late()

    def test_changed_arguments_are_named(self, load: Load) -> None:
        student = load(
            "def clean(x, params):\n    return x + params['w']\n"
            "def dirty(x, params, *rest):\n"
            "    x += 1\n    params['w'].data.zero_()\n    params['l'].append(1)\n"
            "    params['t'][0].t_()\n    params['k'][1] = None\n    rest[0][0] = 5\n"
        )
        nan = torch.tensor([float("nan")])

        def params() -> dict[str, Any]:
            return {"w": torch.ones(2), "l": [], "t": (torch.ones(2, 3),), "k": [1, 2]}

        student.clean(nan, {"w": nan, "l": [nan]})
        assert student.last_changed == []
        student.dirty(torch.ones(2), params(), torch.ones(1))
        changed = {"x", "params['w']", "params['l']", "params['t'][0]", "params['k'][1]"}
        assert changed < set(student.last_changed)
        assert len(student.last_changed) == 6
        assert "dirty: x" in student.end().changed_inputs

    def test_what_changes_while_values_are_taken_is_named(self, load: Load) -> None:
        student = load(
            "def rows(x):\n    for row in x:\n        yield row.clone()\n        row += 1\n"
        )
        assert len(student.rows(torch.zeros(2, 3))) == 2
        assert student.last_changed == ["x"]

    def test_functions_of_the_judge(self, load: Load) -> None:
        student = load(
            "def apply(f, x):\n    return f(f(x))\n"
            "def survive(f):\n    try:\n        return f(1)\n    except ValueError as e:\n"
            "        return str(e)\n"
            "def explode(f):\n    import torch\n    return f(torch.ones(200_000))"
        )
        seen: list[Any] = []

        def double(x: Any) -> Any:
            seen.append(x)
            return 2 * x

        assert torch.equal(student.apply(double, torch.ones(2)), torch.full((2,), 4.0))
        assert len(seen) == 2
        assert student.survive(lambda x: x / 0) == "<lambda>: ZeroDivisionError: division by zero"
        with pytest.raises(Raised, match="can't allocate memory"):
            student.explode(lambda x: x[:, None] * x)

    @given(st.binary(max_size=60) | NODES.map(framed))
    @settings(max_examples=300, deadline=None)
    def test_any_bytes_on_the_wire_are_data_or_garbage(self, data: bytes) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(data)
            theirs.close()
            with contextlib.suppress(Garbage, Closed, Late):
                Channel(ours, 1 << 20).receive(lambda reference: reference)

    def test_the_stand_in_of_a_missing_function_ends_with_its_check(self, load: Load) -> None:
        student = load("def outer(x):\n    return inner(x)\n")
        student.begin("one", stand_ins={"inner": lambda x: 2 * x})
        assert student.outer(3) == 6
        student.begin("two")
        with pytest.raises(Raised, match="NameError"):
            student.outer(3)


class TestErrors:
    def test_what_went_wrong_and_where(self, load: Load) -> None:
        student = load(
            "def todo(x):\n    raise NotImplementedError\n"
            "def outer(x):\n    return todo(x)\n"
            "def wrong(x):\n    return x['no']\n"
            "def first(x):\n    return helper(x)\n"
            "def helper(x):\n    import torch\n    return torch.ones(2) @ torch.ones(3)\n"
        )
        with pytest.raises(NotImplementedYet) as todo:
            student.outer(1)
        assert (todo.value.function, todo.value.location) == ("outer", "mlp.py:2")
        assert "todo" in todo.value.message
        with pytest.raises(Raised, match="TypeError: 'int' object") as wrong:
            student.wrong(1)
        assert wrong.value.location == "mlp.py:6"
        with pytest.raises(Raised, match="RuntimeError") as first:
            student.first(1)
        assert first.value.location == "mlp.py:11"
        with pytest.raises(Missing):
            student.absent(1)

    def test_the_time_of_a_check_and_of_a_submission(self) -> None:
        limits = LIMITS.model_copy(update={"check_seconds": 1.0, "submission_seconds": 1.7})
        with Launcher(best_level(), limits) as launcher:
            student = Student(launcher, "mlp.py", COMPUTES)
            student.begin("one")
            assert student.compute(0.4) == 0.4
            assert student.nap(1.5) == 1.5  # nothing is computed: the machine may be busy
            with pytest.raises(TimedOut, match="more than 1 s"):
                student.compute(0.9)  # all calls of a check together
            with pytest.raises(TimedOut, match="more than 1 s"):
                student.compute(0.0)
            student.begin("two")
            assert student.compute(0.1) == 0.1
            student.begin("three")
            with pytest.raises(TimedOut, match=r"1\.7 s in all"):
                student.compute(0.95)
            with pytest.raises(TimedOut, match=r"1\.7 s in all"):
                student.begin("four")
            student.close()

            # Nor does a submission ask the judge for more.
            def endless(x: Any) -> Any:
                while x:
                    with contextlib.suppress(Exception):
                        x = x + 1

            student = Student(launcher, "mlp.py", b"def ask(f):\n    return f(1)\n")
            student.begin("one")
            for _ in range(2):
                with pytest.raises(Raised, match="TimeoutError: what the judge is asked for"):
                    student.ask(endless)
            student.begin("two")  # as little as in the next check
            with pytest.raises(Raised, match="TimeoutError: what the judge is asked for"):
                student.ask(lambda x: x + 1)
            student.close()

    @pytest.mark.parametrize("level", [k for k, why in available_levels().items() if not why])
    @pytest.mark.parametrize("function", ["compute_in_a_child", "compute_in_an_orphan", "wait"])
    def test_what_others_compute_for_it_counts_and_waiting_ends(
        self, level: str, function: str
    ) -> None:
        limits = LIMITS.model_copy(update={"check_seconds": 0.3})
        with Launcher(level, limits) as launcher:
            student = Student(launcher, "mlp.py", COMPUTES)
            student.begin("one")
            text = "does it wait" if function == "wait" else "computed for more than 0.3 s"
            with pytest.raises(TimedOut, match=text):
                getattr(student, function)(60.0)
            student.begin("two")
            assert student.compute(0.0) == 0.0  # and nobody pays for what went before
            student.close()

    def test_output_is_kept_per_check_and_cut(self, load: Load) -> None:
        student = load(
            "import os\nprint('loading')\ndef say(x):\n    print(x)\n"
            "def run():\n    pid = os.fork()\n    if not pid:\n"
            "        os.write(1, b'from a child\\n')\n        os.write(2, b'and stderr\\n')\n"
            "        os._exit(0)\n    os.waitpid(pid, 0)"
        )
        student.say("one")
        assert student.end().output == "loading\none\n"
        student.begin("two", 0)
        student.run()
        assert student.end().output == "from a child\nand stderr\n"
        student.begin("three", 0)
        student.say("x" * 100_000)
        assert len(student.end().output) < 4200

    def test_random_numbers_can_be_repeated(self, load: Load) -> None:
        student = load(
            "import random, torch, numpy\n"
            "def draw():\n    return torch.rand(2).tolist(), random.random(), numpy.random.rand()"
        )
        first = student.draw()
        student.begin("same seed", 0)
        assert student.draw() == first
        student.begin("another", 1)
        assert student.draw() != first


class TestPython:
    @pytest.mark.parametrize(
        "data",
        [
            b"\xef\xbb\xbfdef f():\n    return 'caf\xc3\xa9'\n",
            b"# -*- coding: latin-1 -*-\ndef f():\n    return 'caf\xe9'\n",
            b"def f():\r\n    return 'caf\xc3\xa9'\r\n",
            b"def f():\r    return 'caf\xc3\xa9'\r",
            b"def f():\n    return 'caf\xe9'\n",
            "def f():\n    return 'café'\n".encode("utf-16"),
            b"# coding: cp1252\ndef f():\n    return 'caf\xe9'\n",
            "# coding: gbk\ndef f():\n    return 'café'\n".encode("gbk"),
            # what is read by no such rule, which takes quadratic time, lacks the last letter
            "# coding: punycode\ndef f():\n    return 'caf\\xe9ß'\n#".encode("punycode"),
        ],
        ids=["bom", "cookie", "crlf", "cr", "not utf-8", "utf-16", "cp1252", "gbk", "punycode"],
    )
    def test_any_encoding(self, load: Load, data: bytes) -> None:
        assert load(data).f() == "café"

    @pytest.mark.parametrize(
        ("filename", "data", "words", "location"),
        [
            ("mlp.py", b"", "empty", None),
            ("mlp.py", b"\xef\xbb\xbf \n", "empty", None),
            ("mlp.py", b"\x7fELF\0\0\1", "binary", None),
            ("mlp.docx", b"x = 1", "neither", None),
            ("mlp", b"x = 1", "neither", None),
            ("mlp.py", b"x = 1\n\ndef f(:\n", "SyntaxError: .*: def f", "mlp.py:3"),
            ("mlp.py", b"def f():\nreturn 1\n", "IndentationError", "mlp.py:2"),
            ("mlp.py", b"def f():\n\tx\n        y\n", "TabError|Indentation", "mlp.py:3"),
            ("mlp.py", b"(" * 100_000, "nest|too many", ...),
            ("mlp.py", b"-" * 3_000_000 + b"1", "nest|could not read", ...),
            ("mlp.py", b"x = " + b"9" * 5000, "SyntaxError|digits", ...),
            ("mlp.ipynb", b"{", "broken", None),
            ("mlp.ipynb", b"[]", "broken", None),
            ("mlp.ipynb", b'{"cells": [{"cell_type": "code"}]}', "broken", None),
            ("mlp.ipynb", b"[" * 200_000, "nested|broken", None),
            ("mlp.ipynb", notebook(), "no code", None),
            ("mlp.ipynb", notebook("def f(:", "x ="), "no cell", None),
        ],
        ids=lambda value: repr(value)[:24],
    )  # fmt: skip
    def test_unreadable(
        self, launcher: Launcher, filename: str, data: bytes, words: str, location: Any
    ) -> None:
        student = Student(launcher, filename, data)
        with pytest.raises(LoadError, match=words) as caught:
            student.load()
        assert caught.value.submission_status is UNREADABLE
        assert "\n" not in caught.value.message
        assert location is ... or caught.value.location == location
        with pytest.raises(LoadError, match=words):
            student.begin("again")

    def test_scratch_code_does_not_take_the_rest_along(self, load: Load) -> None:
        student = load(
            "from __future__ import annotations\n"
            "from .helpers import nothing\n"
            "print(later(2))\n"
            "def before(x: Undefined) -> Undefined:\n    return x\n"
            "before(1) / 0\n"
            "assert before(1) == 2, 'no'\n"
            "raise KeyboardInterrupt\n"
            "if __name__ == '__main__':\n    import sys\n    sys.exit()\n"
            "def later(x):\n    return before(x) + constant\n"
            "constant = 1\n"
            "square = lambda x: x * x\n"
        )
        assert student.later(2) == 3
        assert student.square(3) == 9
        assert student.functions["later"] == "mlp.py:12"
        assert student.functions["square"] == "mlp.py:15"
        assert [note.partition(" ")[0] for note in student.notes] == [
            "mlp.py:2",
            "mlp.py:3",
            "mlp.py:6",
            "mlp.py:7",
            "mlp.py:8",
        ]
        assert "ZeroDivisionError" in student.notes[2]
        assert student.end().notes == student.notes

    @pytest.mark.parametrize("filename", ["torch.py", "json.py", "2nd try (final).py", "gradus.py"])
    def test_a_file_name_shadows_nothing(self, load: Load, filename: str) -> None:
        student = load(
            "import json, torch, sys, gradus\n"
            "def f(x):\n    return json.dumps(torch.exp(x).tolist()), hasattr(gradus, 'f')\n"
            "def me():\n    return sys.modules[__name__].f is f, __name__ != '__main__'\n",
            filename,
        )
        assert student.f(torch.zeros(1)) == ("[1.0]", False)
        assert student.me() == (True, True)
        assert student.functions["f"] == f"{filename}:2"

    def test_only_its_own_functions_are_offered(self, load: Load) -> None:
        student = load("from math import sqrt\nimport torch\nx = 3\ndef f():\n    pass\n")
        assert set(student.functions) == {"f"}
        for name in ("sqrt", "torch", "x"):
            with pytest.raises(Missing):
                student.call(name, 1)


class TestNotebooks:
    @pytest.mark.parametrize("version", [3, 4])
    def test_cells_and_their_places(self, load: Load, version: int) -> None:
        student = load(
            notebook(
                "%matplotlib inline\n!pip install torch\nimport torch\ntorch.ones?\nfiles = !ls",
                "1 / 0\ndef lost():\n    pass",
                "# a comment\n\ndef f(x):\n\n    return g(x)['%d!' % 1]",
                "def broken(:",
                "%%bash\nrm -rf everything",
                "%%time\n\ndef g(x):\n    if x:\n        %timeit x\n    return x\n",
                "get_ipython().run_line_magic('x', '')",
                'def text():\n    return """\n%not a magic\n"""\n',
                version=version,
            ),
            "mlp.ipynb",
        )
        assert student.functions["f"] == "mlp.ipynb cell 3:3"
        assert student.functions["g"] == "mlp.ipynb cell 6:3"
        with pytest.raises(Raised, match="TypeError") as caught:
            student.f(1)
        assert caught.value.location == "mlp.ipynb cell 3:5"
        assert student.text() == "\n%not a magic\n"
        with pytest.raises(Missing):
            student.lost()
        passed_over = "\n".join(student.notes)
        assert "cell 2:1 was passed over: it raised ZeroDivisionError" in passed_over
        assert "cell 4:1 was passed over: SyntaxError" in passed_over
        assert "cell 7:1" in passed_over
        assert len(student.notes) == 3


FORBID = [
    "torch.autograd",
    "torch.nn",
    "torch.optim",
    "torch.softmax",
    "torch.conv2d",
    "torch.sigmoid",
    "torch.svd_lowrank",
    "scipy",
]
HEAD = """
import importlib, torch, torch.nn as nn
import torch.nn.functional as F
from torch import softmax as sm
from torch.nn.functional import gelu
alias = F
layer_class = nn.Linear
"""
ALLOWED = {
    "annotation": "def f(x: nn.Module) -> F:\n    return x",
    "unused import": "def f(x):\n    from torch.nn import Linear\n    return x",
    "own name": "def f(x, softmax=1, F=2):\n    gelu = x * F\n    return gelu",
    "own method": "class L:\n    def backward(self, x):\n        return x\n"
    "def f(x):\n    return L().backward(x)",
    "autograd.no_grad": "def f(x):\n    with torch.autograd.no_grad():\n        return x",
    "text": "def f(x):\n    'uses torch.nn'\n    return x  # F.gelu",
    "another's use": "def g(x):\n    return F.gelu(x)\ndef f(x):\n    return x",
    "replaced": "def f(x):\n    return F.gelu(x)\ndef f(x):\n    return x",
    "no_grad": "@torch.no_grad()\ndef f(x):\n    return x.clamp(min=0).detach()",
    "unfold": "def f(x):\n    return x.unfold(0, 2, 1)",
    "torch's own": "def f(x):\n    return F.pad(F.relu(x), (1, 1))",
    "own attribute": "class A:\n    pass\n"
    "def f(x):\n    a = A()\n    a.softmax = x\n    return a.softmax",
    "own field": "from collections import namedtuple\nCache = namedtuple('Cache', 'backward')\n"
    "def f(x):\n    return Cache(x).backward",
    "own layer": "class L(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    "    def forward(self, x):\n        return 2 * x\ndef f(x):\n    return L()(x)",
    "own tensor": "class T:\n    def __init__(self, x, requires_grad):\n        self.x = x\n"
    "def f(x):\n    return T(x, requires_grad=True).x",
    "requires nothing": "def f(x):\n    return torch.zeros(2, requires_grad=False)",
}
REFUSED = {
    "torch.nn.functional.gelu": [
        "def f(x):\n    return F.gelu(x)",
        "def f(x):\n    return gelu(x)",
        "def f(x):\n    return alias.gelu(x)",
        "def f(x):\n    return h(x)\ndef h(x):\n    return g(x)\ndef g(x):\n    return gelu(x)",
        "def f(x):\n    return importlib.import_module('torch.nn.functional').gelu(x)",
        "def f(x):\n    return getattr(getattr(torch, 'n' + 'n'), 'functional').gelu(x)",
        "def f(x):\n    return eval('F.ge' + 'lu(x)')",
        "act = gelu\ndef f(x):\n    return act(x)",
        "table = {'a': F.gelu}\ndef f(x):\n    return table['a'](x)",
        "def f(x):\n    return F.gelu(x)\ng = f\ndef f(x):\n    return g(x)",
    ],
    "more than 500 names in one definition": [
        "def f(x):\n    return x if True else (" + ", ".join(f"n{i}" for i in range(501)) + ")"
    ],
    "torch.nn.functional.softmax": ["def f(x):\n    return F.softmax(x, 0)"],
    "torch.nn.Linear": [
        "model = layer_class(2, 2)\ndef f(x):\n    return model(x)",
        "def f(x):\n    return [nn.Linear(2, 2) for _ in range(1)][0](x)",
    ],
    "torch.softmax": [
        "def f(x):\n    return x.softmax(0)",
        "def f(x):\n    return sm(x, 0)",
        "def f(x):\n    return getattr(torch, 'softmax')(x, 0)",
        "def f(x):\n    return vars(torch)['softmax'](x, 0)",
        # a name in two pieces: only while it runs is it seen what it leads to
        "def f(x):\n    functions = getattr(torch, '_' + 'VF')\n"
        "    return getattr(functions, '_soft' + 'max')(x, 0, False)",
        "def f(x):\n    return getattr(torch, '_masked_' + 'softmax')(x, x < 0, 0, 0)",
        "def f(x):\n    return getattr(torch, '_soft' + 'max')(x.to_mkldnn(), 0, False)",
    ],
    "torch._softmax": [
        "def f(x):\n    try:\n        return torch._softmax(x, 0, False)\n    except Exception:\n"
        "        return x",
    ],
    "torch._safe_softmax": ["def f(x):\n    return torch._safe_softmax(x, 0)"],
    "torch._refs.softmax": [
        "def f(x):\n    import torch._refs\n    return torch._refs.softmax(x, 0)",
        "def f(x):\n    return importlib.import_module('torch._' + 'refs').softmax(x, 0)",
        "def f(x):\n    import sys\n    return sys.modules['torch._' + 'refs'].softmax(x, 0)",
    ],
    "torch._decomp.decomposition_table": [
        "def f(x):\n    return torch._decomp.decomposition_table[torch.softmax](x, 0)"
    ],
    "torch._inductor": [
        "def f(x):\n    return importlib.import_module('torch._' + 'inductor')"
    ],
    "scipy": ["def f(x):\n    return importlib.import_module('sci' + 'py')"],
    "torch._C._jit_get_operation": [
        "def f(x):\n    internals = getattr(torch, '_' + 'C')\n"
        "    return internals._jit_get_operation('aten::softmax')[0](x, 0)"
    ],
    "torch.jit.script": [
        "def f(x):\n    return torch.jit.script(g)(x)\ndef g(x):\n    return x",
        "def f(x):\n    return getattr(torch, 'j' + 'it').script(g)(x)\ndef g(x):\n    return x",
    ],
    "torch._C.CompilationUnit": [
        "def f(x):\n    internals = getattr(torch, '_' + 'C')\n"
        "    return internals.CompilationUnit()"
    ],
    "torch.ops": [
        "def f(x):\n    return getattr(torch, 'o' + 'ps').aten.softmax(x, 0)",
        "def f(x):\n    return vars(getattr(torch, 'o' + 'ps').aten)['softmax'](x, 0)",
    ],
    "torch.optim.adam._single_tensor_adam": [
        "def f(x):\n    adam = importlib.import_module('torch.op' + 'tim.adam')\n"
        "    return getattr(adam, '_single_' + 'tensor_adam')(x)"
    ],
    "torch._lowrank.svd_lowrank": [
        "def f(x):\n    module = importlib.import_module('torch._low' + 'rank')\n"
        "    return module.svd_lowrank(x)"
    ],
    "torch.sigmoid": ["def f(x):\n    return x.clone().sigmoid_()"],
    "torch.sigmoid_": ["def f(x):\n    return torch.sigmoid_(x.clone())"],
    "torch.ops.aten.slow_conv3d_forward": [
        "def f(x):\n    x, ones = x.view(1, 1, 1, 1, 2), [1, 1, 1]\n"
        "    return torch.ops.aten.slow_conv3d_forward(x, x, [1, 1, 2], None, ones, [0, 0, 0])"
    ],
    "torch.conv2d": [
        "def f(x):\n    x = x.view(1, 1, 1, 2)\n    ones, zeros = [1, 1], [0, 0]\n"
        "    convolution = getattr(torch, 'convo' + 'lution')\n"
        "    return convolution(x, x, None, ones, zeros, ones, False, zeros, 1)"
    ],
    "torch.autograd": [
        "def f(x):\n    torch.ones(2, requires_grad=True).sum().backward()",
        "def f(x):\n    x = getattr(x.clone(), 'requires_' + 'grad_')()\n"
        "    getattr(x.sum(), 'back' + 'ward')()\n    return x.grad",
    ],
    "torch.ops.aten._softmax_backward_data": [
        "def f(x):\n    return getattr(torch, '_softmax_' + 'backward_data')(x, x, 0, x.dtype)"
    ],
    "torch._fused_sgd_": [
        "def f(x):\n    rest = dict(weight_decay=0.0, momentum=0.0, lr=1.0, dampening=0.0, "
        "nesterov=False, maximize=False, is_first_step=True)\n"
        "    torch._fused_sgd_([x.clone()], [x], [], **rest)"
    ],
    "torch.func.grad": [
        "def f(x):\n    return torch.func.grad(lambda y: y.sum())(x)",
        "def f(x):\n    return getattr(torch, 'fu' + 'nc').grad(lambda y: y.sum())(x)",
    ],
}  # fmt: skip


# Each hands over a number that has been computed from `x`, which asks for its gradient.
DOORS = {
    "enable_grad": "def f(x):\n    with torch.enable_grad():\n        return show(x * x)",
    "inference mode": "def f(x):\n    with torch.inference_mode(False):\n"
    "        return show(x * x)",
    "a thread": "def f(x):\n    import threading\n    found = []\n"
    "    one = threading.Thread(target=lambda: found.append(show(x * x)))\n"
    "    one.start()\n    one.join()\n    return found[0]",
    "its own dispatch": "def f(x):\n    key = torch._C.DispatchKey.AutogradCPU\n"
    "    torch._C._dispatch_tls_set_dispatch_key_included(key, True)\n    return show(x.exp())",
    "a module read again": "def f(x):\n    importlib.reload(torch.autograd.graph)\n"
    "    return show(x.view(1, 2) @ x)",
    "what is alive": "def f(x):\n    import gc\n    gc.collect()\n"
    "    for one in gc.get_objects():\n        if 'Library' in type(one).__name__:\n"
    "            one.__dict__.clear()\n    return show(x.sum())",
}  # fmt: skip
SHOW = """
def show(y):
    return str(getattr(y, "grad_" + "fn"))
def g(x):
    return f(getattr(x.clone(), "requires_" + "grad_")())
"""


class TestForbidden:
    @pytest.mark.parametrize("source", DOORS.values(), ids=DOORS)
    def test_nothing_is_recorded_by_any_door(self, load: Load, source: str) -> None:
        whole = f"import importlib, torch\n{source}\n{SHOW}"
        assert load(whole).g(torch.ones(2)) != "None"  # where it is not forbidden
        with contextlib.suppress(Forbidden):
            assert load(whole, forbid=FORBID).g(torch.ones(2)) == "None"

    @pytest.mark.parametrize("source", ALLOWED.values(), ids=ALLOWED)
    def test_no_false_alarm(self, load: Load, source: str) -> None:
        load(HEAD + source, forbid=FORBID).f(torch.ones(2))

    @pytest.mark.parametrize(
        ("name", "source"),
        [(name, source) for name, sources in REFUSED.items() for source in sources],
    )
    def test_found_in_the_source_or_while_running(self, load: Load, name: str, source: str) -> None:
        student = load(HEAD + source + "\ndef other(x):\n    return x", forbid=FORBID)
        with pytest.raises(Forbidden) as caught:
            student.f(torch.ones(2))
        assert caught.value.name == name
        assert caught.value.location is not None
        assert caught.value.location.startswith("mlp.py:")
        assert torch.equal(student.other(torch.ones(2)), torch.ones(2))

    def test_a_stand_in_takes_its_users_out_of_it(self, load: Load) -> None:
        student = load(
            "import torch\ndef helper(x):\n    return torch.softmax(x, 0)\n"
            "def f(x):\n    return helper(x)\n",
            forbid=["torch.softmax"],
        )
        with pytest.raises(Forbidden):
            student.f(torch.ones(2))
        student.begin("again", 0, {"helper": lambda x: 3 * x})
        assert torch.equal(student.f(torch.ones(2)), torch.full((2,), 3.0))

    def test_nothing_is_forbidden_unless_the_topic_says_so(self, load: Load) -> None:
        student = load("import torch\ndef f(x):\n    return torch.softmax(x, 0)")
        assert student.f(torch.zeros(2)).tolist() == [0.5, 0.5]


INSIDE = ("gradus.inside", "gradus.wire")  # all of ours that a worker imports


class TestLevels:
    def test_a_plain_process_behaves_the_same(self) -> None:
        with Launcher("process", LIMITS) as launcher:
            launcher.prestart()
            student = Student(
                launcher, "mlp.py", b"import os\ndef f(x):\n    return x + 1, os.listdir()"
            )
            student.begin("check")
            assert student.f(1) == (2, [])
            student.close()

    def test_nothing_heavy_is_imported_before_it_is_needed(self) -> None:
        script = (
            "import sys, gradus.sandbox.launcher, gradus.student\n"
            "assert 'torch' not in sys.modules\n"
            "print([m for m in sys.modules if m.startswith('gradus')])\n"
        )
        subprocess.run([sys.executable, "-c", script], check=True)
        script = (
            "import sys, gradus.inside.worker, gradus.sandbox.zygote\n"
            "print(*[m for m in sys.modules if m.startswith(('gradus.', 'pydantic'))])\n"
        )
        ran = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True)
        seen = {m for m in ran.stdout.decode().split() if not m.startswith(INSIDE)}
        assert seen == {
            "gradus.sandbox",
            "gradus.sandbox.contain",
            "gradus.sandbox.cpu",
            "gradus.sandbox.zygote",
        }

    @pytest.mark.skipif(bool(available_levels()["user"]), reason="needs root")
    def test_user_level_refuses_open_secrets(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the kernel has no Landlock, permissions must close what is hidden."""
        monkeypatch.setattr(contain, "landlock_version", lambda: 0)
        (tmp_path / "hidden").mkdir()
        for folder in [tmp_path, *tmp_path.parents]:
            if folder != Path("/tmp") and "pytest" in folder.name:
                folder.chmod(0o755)
        launcher = Launcher("user", LIMITS, forbid_read=[tmp_path / "hidden"])
        with pytest.raises(OSError, match="chmod"):
            launcher.start()
        launcher.close()

    @pytest.mark.parametrize(
        "level", [n for n in ("namespaces", "user") if not available_levels()[n]]
    )
    def test_a_forbidden_package_is_not_there(self, level: Any) -> None:
        source = b"""import sys
def f():
    for path in sys.path:
        try:
            open(f'{path}/scipy/special/__init__.py').close()
            return True
        except OSError:
            pass
    return False
"""
        for forbid, expected in (([], True), (["scipy"], False)):
            with Launcher(level, LIMITS, forbid=forbid) as launcher:
                student = Student(launcher, "mlp.py", source, forbid)
                student.load()
                student.begin("check", 0)
                assert student.f() is expected
                student.close()

    def test_every_submission_has_its_own_process(self, load: Load) -> None:
        source = "import os, random\nstate = []\ndef f():\n    state.append(1); return len(state)"
        one, two = load(source), load(source)
        assert [one.f(), two.f(), one.f(), two.f()] == [1, 1, 2, 2]
