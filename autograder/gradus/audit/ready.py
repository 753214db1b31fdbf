"""Ready answers: torch's own operators that return, in one call, what a function must return.

What a topic should forbid is found here, and not thought of. The operators are tried on what the
checks give each function, in a process in which those that the topic forbids are refused.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import resource
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from gradus.audit.arguments import Given, arguments, tensors
from gradus.checks.comparison import Comparison
from gradus.checks.judging import judged
from gradus.checks.local import LocalStudent
from gradus.checks.session import collect
from gradus.checks.tolerance import agree
from gradus.course import Course, Topic
from gradus.inside.guard import guard_for, operators
from gradus.mistakes.edges import asks_back, right_call
from gradus.mistakes.perform import one_thread
from gradus.mistakes.prepare import sources_of
from gradus.mistakes.reference import Reference
from gradus.mistakes.runs import runs_of

TINY = 1e-3  # numbers that nearly nothing looks like
ENDED = 3  # processes that an operator may end before it is passed over
SECONDS = 1  # that it may compute
MEMORY_BYTES = 4 << 30
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])

Ready = dict[str, list[str]]  # by what is returned, "gradient of x": the operators


@dataclass(frozen=True)
class Question:
    """A call of a function: what is given, by name, and what must be returned, by its path."""

    function: str
    given: Given
    wanted: Mapping[str, Tensor]


@dataclass(frozen=True)
class Found:
    """An operator, and the path of what it answers."""

    operator: str
    answers: str


def ready_answers(
    course: Course, topic: Topic, salt: str, advance: Callable[[int, int], None]
) -> dict[str, Ready]:
    """The operators that answer, by function; not those that the solution itself uses there.

    An operator that ends its process answers nothing.
    """
    questions, used = _questions(course, topic, salt)
    names = sorted(name.removeprefix("aten::") for name in operators("") if name[:6] == "aten::")
    found: dict[str, Ready] = {}
    for done, question in enumerate(questions):
        advance(done, len(questions))
        others = [name for name in names if name.partition(".")[0] not in used[question.function]]
        for one in _try_all(topic, question, others):
            ready = found.setdefault(question.function, {}).setdefault(one.answers, [])
            base = one.operator.partition(".")[0]
            if base not in ready:
                ready.append(base)
    return found


def _questions(
    course: Course, topic: Topic, salt: str
) -> tuple[list[Question], dict[str, set[str]]]:
    """One call of each function, and the operators that the solution uses in it."""
    sources = sources_of(course, topic)
    reference = Reference(sources.solution)
    found: dict[str, Question] = {}
    used: dict[str, set[str]] = {}

    def loop(items: Sequence[pytest.Item]) -> None:
        solution = LocalStudent(reference.namespace({}), seconds=60.0)
        for run in runs_of(items, sources, reference, salt):
            for c in run.on_reference.comparisons:
                if judged(c) in found or c.kind == "raises" or asks_back(c):
                    continue
                question = _question(c)
                if question.wanted:
                    with _Used() as mode:
                        right_call(solution, c)
                    found[judged(c)], used[judged(c)] = question, mode.names

    with one_thread():
        collect(sources.test_file, loop)
    return list(found.values()), used


class _Used(TorchDispatchMode):
    """Collects the names of the operators that are called."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func._schema.name.partition("::")[2])
        return func(*args, **(kwargs or {}))


def _question(c: Comparison) -> Question:
    given = {**c.inputs, **c.options, **({} if c.dout is None else {"dout": c.dout})}
    if c.kind == "gradients":
        given["out"] = c.out
        wanted = {f"gradient of {name}": c.expected[name] for name in c.wrt}
    elif c.kind == "forward":
        wanted = {"out": c.expected, **c.also}
    else:
        leaves = [leaf for leaf in tree_flatten(c.expected)[0] if leaf is not None]
        wanted = {f"value {n}" if len(leaves) > 1 else "value": v for n, v in enumerate(leaves)}
    return Question(judged(c), given, {n: v for n, v in wanted.items() if _tells(v, given)})


def _tells(wanted: Any, given: Given) -> bool:
    """Whether it is a tensor of different numbers, not all of them tiny, and not one given."""
    if not isinstance(wanted, Tensor) or not wanted.is_floating_point() or wanted.numel() < 2:
        return False
    different = bool((wanted != wanted.flatten()[0]).any()) and bool(wanted.abs().max() > TINY)
    return different and not any(agree(wanted, tensor) for tensor in tensors(given))


def _try_all(topic: Topic, question: Question, names: Sequence[str]) -> Iterator[Found]:
    """As `_try`, but for the calls that end the process they are made in."""
    at, ended = _CONTEXT.Array("q", 2, lock=False), Counter[int]()
    while at[0] < len(names):
        ours, theirs = _CONTEXT.Pipe(duplex=False)
        process = _CONTEXT.Process(target=_try, args=(topic.forbid, question, names, at, theirs))
        process.start()
        theirs.close()
        with contextlib.suppress(EOFError):
            while True:
                yield ours.recv()
        process.join()
        ended[at[0]] += 1
        at[1] += 1
        if ended[at[0]] == ENDED:
            at[0], at[1] = at[0] + 1, 0


def _try(
    forbid: Sequence[str], question: Question, names: Sequence[str], at: Any, to: Connection
) -> None:
    """Send what the operators answer; `at` is the operator and the call to go on with, and says
    where this process is."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # warnings, also from C++
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    guard_for(tuple(forbid), "cpu")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    while at[0] < len(names):
        computed = math.ceil(time.process_time())
        resource.setrlimit(resource.RLIMIT_CPU, (computed + SECONDS, resource.RLIM_INFINITY))
        name = names[at[0]]
        operator, _, overload = name.partition(".")
        packet = getattr(torch.ops.aten, operator, None)
        call = getattr(packet, overload or "default", None)
        if call is not None and torch.Tag.nondeterministic_seeded not in call.tags:
            for path in _paths(question, call, at):
                to.send(Found(name, path))
        at[0], at[1] = at[0] + 1, 0


def _paths(question: Question, call: Any, at: Any) -> Iterator[str]:
    """What of a question an operator returns, or leaves in its arguments."""
    found: set[str] = set()
    for number, chosen in enumerate(arguments(question.given, call._schema)):
        if number < at[1]:
            continue
        at[1] = number
        own = {name: _copy(value) for name, value in chosen.items()}
        positional = [own.pop(a.name) for a in call._schema.arguments if not a.kwarg_only]
        try:
            returned = call(*positional, **own)
            values = [v for v in tree_flatten([returned, positional])[0] if isinstance(v, Tensor)]
            for path, right in question.wanted.items():
                if path not in found and any(_is(value, right) for value in values):
                    found.add(path)
                    yield path
        except Exception:  # also of what a torn tensor says of itself
            continue


def _is(value: Tensor, right: Tensor) -> bool:
    plain = value.layout is torch.strided and value.is_floating_point()
    return plain and value.shape == right.shape and agree(value.detach(), right)


def _copy(value: Any) -> Any:
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value.detach().clone() if isinstance(value, Tensor) else value
