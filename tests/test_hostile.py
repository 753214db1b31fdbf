"""Attacks, each a whole submission in tests/hostile/, against a judge at every level."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch

from gradus.course import Limits
from gradus.errors import (
    Forbidden,
    Killed,
    LoadError,
    NotData,
    Raised,
    SubmissionError,
    TimedOut,
)
from gradus.results import SubmissionStatus
from gradus.sandbox.launcher import Launcher
from gradus.sandbox.levels import available_levels
from gradus.student import Student, Trace
from gradus.wire.frames import Handle

HOSTILE = Path(__file__).parent / "hostile"
CANARY = "gradus-canary"
LIMITS = Limits(
    check_seconds=2.0,
    submission_seconds=8.0,
    memory_mb=256,
    processes=16,
    disk_mb=8,
    output_kb=16,
    message_mb=8,
)
X = torch.tensor([1.0, 2.0, 3.0])

crashed, timeout = SubmissionStatus.CRASHED, SubmissionStatus.TIMEOUT
AT_IMPORT = {
    "exit_at_import": (crashed, "sys.exit"),
    "os_exit_at_import": (crashed, "exited"),
    "segfault_at_import": (crashed, "segmentation fault"),
    "hang_at_import": (timeout, "more than 2 s"),
}


def equals(expected: Any) -> Callable[[Any], bool]:
    return lambda value: bool(torch.equal(value, torch.as_tensor(expected)))


def odd(value: list[torch.Tensor]) -> bool:
    plain = all(type(v) is torch.Tensor and v.layout is torch.strided for v in value)
    return plain and value[3].item() == 1 - 2j and value[4].item() == -2


# what calling f must give: an error, one of several, or a value that satisfies a predicate
AT_CALL: dict[str, Any] = {
    "exit_at_call": Raised,
    "os_exit_at_call": Killed,
    "segfault_at_call": Killed,
    "swallow_everything": TimedOut,
    "ignore_signals": TimedOut,
    "turn_back_the_clock": TimedOut,
    "stop_itself": TimedOut,
    "fork_bomb": TimedOut,
    "thread_bomb": equals(X + 1),
    "memory_bomb": Killed,
    "tensor_bomb": Killed,
    "swallow_memory_error": (TimedOut, Killed),
    "disk_bomb": Raised,
    "output_bomb": (Raised, TimedOut),
    "truncate_output": equals(X + 1),
    "patch_comparisons": equals(X * 0 - 7),
    "equals_everything": lambda value: type(value) is Handle,
    "tensor_subclass": equals(torch.full((3,), -7.0)),
    "dispatch_subclass": (NotData, TimedOut),
    "reduce": lambda value: type(value[0]) is type(value[1]["again"]) is Handle,
    "lying_classes": lambda v: v[:4] == [[1, 2], {"a": 1}, "text", 3] and type(v[4]) is Handle,
    "walk_files": lambda value: value == [],
    "read_gradus": lambda value: value == [],
    "write_results": lambda value: value == [],
    "leave_traces": equals(X + 1),
    "daemon": equals(X + 1),
    "orphan_holds_socket": (TimedOut, Killed),
    "attack_processes": lambda value: value == [],
    "escape": lambda value: value == [],
    "network": lambda value: value == [],
    "new_python": lambda value: value == [],
    "memory_files": lambda value: value == [],
    "locks": lambda value: value == [],
    "garbage_on_wire": NotData,
    "huge_announcement": NotData,
    "slow_drip": TimedOut,
    "nesting_on_wire": NotData,
    "forge_reply": equals(X - 7),
    "forge_callback": NotData,
    "forge_functions": LoadError,
    "close_descriptors": Killed,
    "exit_hooks": equals(X + 1),
    "huge_return": NotData,
    "huge_keys": lambda value: type(value) is dict,
    "costly_remarks": equals(X + 1),
    "empty_return": NotData,
    "cyclic_return": NotData,
    "wide_return": NotData,
    "endless_generator": NotData,
    "huge_integer": NotData,
    "meta_return": NotData,
    "odd_tensors": odd,
    "nan_return": lambda v: [math.isnan(v[0]), v[1], v[2]] == [True, math.inf, -math.inf],
    "not_a_bool": equals([True, True, True]),
    "str_raises": Raised,
    "str_huge": Raised,
    "terminal_orders": Raised,
    "base_exceptions": Raised,
    "recursion": Raised,
    "deep_recursion": (Killed, Raised, TimedOut),
    "deep_directories": equals(X + 1),
    "warnings": equals(X + 1),
    "raise_limits": lambda value: value == [],
    "leave_group": lambda value: value == [],
    "pidfd": lambda value: value == [],
    "odd_files": equals(X + 1),
    "no_home": equals(X + 1),
    "trace_worker": NotData,
    "background_thread": equals(X + 1),
    "exception_loops": Raised,
    "surrogates": Raised,
    "kill_own_group": (Killed, torch.Tensor),  # not process 1 of a namespace
    "object_array": NotData,
    "read_memory": lambda value: value == [],
    "kernel_objects": lambda value: value == [],
    "new_namespaces": lambda value: value == [],
    "file_handles": lambda value: value == [],
    "machine_settings": lambda value: value == [],
    "capabilities": lambda value: value == [],
    "old_calls": Killed,
    "own_filter": lambda value: value == [],
    "aim_signals": lambda value: value == [],
    "renice": lambda value: value == [],
    "kill_the_killer": equals(X + 1),
    "peer_pidfd": lambda value: value == [],
    "touch": lambda value: value == [],
    "watch_files": lambda value: value == [],
    "pipe_memory": lambda value: value < LIMITS.memory_mb,
    "many_files": equals(X + 1),
    "swap_process": (TimedOut, Killed),
    "uncounted_children": Raised,
    "tensor_number": NotData,
    "costly_notes": (NotData, torch.Tensor),
    "early_reply": NotData,
    "impossible_shape": NotData,
    "half_frame": TimedOut,
    "one_byte_pieces": equals(X + 1),
    "hangup": Killed,
    "urgent_byte": equals(X + 1),
    "pass_descriptors": equals(X + 1),
    "forged_error": Forbidden,
    "lying_worker": NotData,
    "traceback_on_wire": NotData,
    "alarm_storm": Killed,
    "blocked_output": TimedOut,
    "freed_memory": Killed,
    "escaped_tensors": NotData,
    "late_finalizer": lambda value: type(value) is Handle,
    "torch_modes": equals(X + 1),
    "odd_signal": (Killed, torch.Tensor),  # not process 1 of a namespace
    "take_user_ids": equals(X + 1),
    "datagrams": equals(X + 1),
    "other_core": lambda value: value == [],
    "next_one": lambda value: value == [],
}
NOT_LOADED = ("forge_functions",)
# a plain child process stops what ends, hangs or floods its process, and no more
PROCESS = ("os_exit_at_call", "ignore_signals", "tensor_bomb", "output_bomb", "garbage_on_wire")
AFTERWARDS = ("os_exit_at_call", "ignore_signals")  # each start of a plain process imports torch
CONTAINED = [level for level in ("namespaces", "user") if not available_levels()[level]]
CASES = [(level, name) for level in CONTAINED for name in AT_CALL]


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Hidden tests and another student's results, as a course on this machine has them."""
    root = tmp_path_factory.mktemp("course")
    files = [root / "hidden_tests" / "test_mlp.py", root / "results" / "mlp" / "alice.json"]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_text(CANARY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADUS_SALT", CANARY)
        yield files
    assert [file.read_text() for file in files] == [CANARY] * 2


@pytest.fixture(scope="module")
def launchers(secrets: list[Path]) -> Iterator[Callable[[str], Launcher]]:
    made: dict[str, Launcher] = {}

    def launcher(level: Any) -> Launcher:
        if level not in made:
            made[level] = Launcher(level, LIMITS, forbid_read=[s.parent for s in secrets])
        return made[level]

    yield launcher
    for one in made.values():
        one.close()


def student(launcher: Launcher, name: str) -> Student:
    return Student(launcher, f"{name}.py", (HOSTILE / f"{name}.py").read_bytes())


def outcome(
    one: Student,
    function: str,
    seconds: float = LIMITS.check_seconds,
    given: Sequence[Any] = (),
) -> tuple[Any, Trace]:
    """The value of one check's call, or the error in its place, and the check's trace."""
    try:
        one.begin(function, 0)
        one._clock.begin(seconds)
        result: Any = one.call(function, X, *given)
    except SubmissionError as error:
        result = error
    return result, one.end()


def seconds_for(name: str) -> float:
    """Of what hangs there is no need to wait for the whole check."""
    hangs = AT_CALL[name] in (TimedOut, (TimedOut, Killed))
    return 0.3 if hangs else LIMITS.check_seconds


def agrees(result: Any, expected: Any) -> bool:
    if isinstance(expected, type | tuple):
        return isinstance(result, expected)
    return not isinstance(result, SubmissionError) and expected(result)


@pytest.mark.parametrize(("level", "name"), CASES, ids=lambda value: str(value))
def test_attack_is_contained(launchers: Any, level: str, name: str) -> None:
    """f gets what it earned, the other function its value, and the next submission nothing."""
    launcher = launchers(level)
    attacker = student(launcher, name)
    try:
        began = time.process_time()
        result, trace = outcome(attacker, "f", seconds_for(name))
        assert agrees(result, AT_CALL[name]), (result, trace)
        assert time.process_time() - began < 1  # the judge's own
        if isinstance(result, SubmissionError):
            assert 0 < len(result.message) < 700
            assert result.message.isprintable()
            assert len(result.location or "") < 300
            assert (result.location or "").isprintable()
        assert len(trace.output) < LIMITS.output_kb * 1024 + 100
        assert CANARY not in trace.output
        json.dumps(vars(trace), ensure_ascii=False).encode()
        assert "\x1b" not in trace.output
        if name not in NOT_LOADED:
            assert equals(X + 1)(outcome(attacker, "honest")[0])
    finally:
        attacker.close()
    assert left_over(launcher) == 0
    after = student(launcher, "next_one")
    assert outcome(after, "f")[0] == []
    after.close()


@pytest.mark.parametrize("level", CONTAINED)
def test_an_answer_of_the_judge_that_cannot_be_sent(launchers: Any, level: str) -> None:
    one = student(launchers(level), "huge_answer")
    try:
        assert isinstance(outcome(one, "f", given=(torch.mul,))[0], SubmissionError)
        assert equals(X + 1)(outcome(one, "honest")[0])
    finally:
        one.close()


@pytest.mark.parametrize("level", CONTAINED)
def test_another_judge_can_start_meanwhile(launchers: Any, level: str) -> None:
    attacker = student(launchers(level), "take_user_ids")
    try:
        assert equals(X + 1)(outcome(attacker, "f")[0])
        with Launcher(level, LIMITS) as other:
            neighbour = student(other, "next_one")
            assert outcome(neighbour, "f")[0] == []
            neighbour.close()
    finally:
        attacker.close()


@pytest.mark.parametrize("level", CONTAINED)
def test_no_daemon_of_the_machine_hears_a_submission(launchers: Any, level: str) -> None:
    """One like the system's log, which takes datagrams from everyone by either kind of name."""
    with tempfile.NamedTemporaryFile(prefix="gradus-daemon-") as unique:
        path = f"{unique.name}.socket"
        name = Path(path).name
        source = (HOSTILE / "datagrams.py").read_bytes().replace(b"gradus-daemon", name.encode())
        with ExitStack() as stack:
            ears = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2)]
            for ear, address in zip(ears, (path, f"\0{name}"), strict=True):
                stack.enter_context(ear).bind(address)
                ear.setblocking(False)
            stack.callback(os.unlink, path)
            os.chmod(path, 0o666)
            one = Student(launchers(level), "datagrams.py", source)
            stack.callback(one.close)
            assert equals(X + 1)(outcome(one, "f")[0])
            for ear in ears:
                with pytest.raises(BlockingIOError):
                    ear.recv(100)


@pytest.mark.parametrize("name", PROCESS)
def test_attack_on_a_plain_process(launchers: Any, name: str) -> None:
    """Without isolation a hang, a crash or noise is still only one check's loss."""
    attacker = student(launchers("process"), name)
    result, trace = outcome(attacker, "f", seconds_for(name))
    assert agrees(result, AT_CALL[name]), (result, trace)
    if name in AFTERWARDS:
        assert equals(X + 1)(outcome(attacker, "honest")[0])
    attacker.close()


@pytest.mark.parametrize("level", CONTAINED)
@pytest.mark.parametrize("name", AT_IMPORT)
def test_attack_at_import(launchers: Any, level: str, name: str) -> None:
    one = student(launchers(level), name)
    expected, words = AT_IMPORT[name]
    with pytest.raises(LoadError, match=words) as caught:
        one.begin("f", 0)
    assert caught.value.submission_status is expected
    one.close()
    after = student(launchers(level), "next_one")
    assert equals(X + 1)(outcome(after, "honest")[0])
    after.close()


@pytest.mark.parametrize("level", CONTAINED)
def test_all_memory_at_import(launchers: Any, level: str) -> None:
    """What is left may do or not; the judge is told in either case."""
    one = student(launchers(level), "memory_at_import")
    result, _ = outcome(one, "f")
    assert isinstance(result, SubmissionError) or equals(X)(result)
    one.close()


def left_over(launcher: Launcher) -> int:
    """How many processes stay below the launcher's zygote; one that was killed may take a moment
    to go on a busy machine."""
    until = time.monotonic() + 5
    while (found := below_zygote(launcher)) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def below_zygote(launcher: Launcher) -> int:
    """How many processes there are below the launcher's zygote, as the kernel lists them."""
    assert launcher._zygote is not None
    assert launcher._zygote._process is not None
    tree = subprocess.run(["ps", "-eo", "pid=,ppid=,stat=,comm="], capture_output=True, text=True)
    rows = [line.split(None, 3) for line in tree.stdout.splitlines()]
    below, found = {str(launcher._zygote._process.pid)}, 0
    for pid, parent, state, command in sorted(rows, key=lambda row: int(row[0])):
        if parent in below:
            below.add(pid)
            found += "Z" not in state and command != "bwrap"
    return found - (launcher.level == "namespaces")  # there the zygote itself is below bwrap


def test_a_zygote_that_dies_is_replaced(launchers: Any) -> None:
    if not CONTAINED:
        pytest.skip("this machine has no level with a zygote")
    launcher = launchers(CONTAINED[0])
    one = student(launcher, "next_one")
    assert outcome(one, "f")[0] == []
    first = launcher._zygote._process.pid
    os.kill(first, signal.SIGKILL)
    launcher._zygote._process.wait()
    assert isinstance(outcome(one, "f")[0], Killed | list)  # its child may take a moment
    one.close()
    one = student(launcher, "next_one")
    assert outcome(one, "f")[0] == []
    assert launcher._zygote._process.pid != first
    one.close()


@pytest.mark.skipif("user" not in CONTAINED, reason="needs level user")
def test_ending_a_submission_ends_nothing_else_of_its_user_id(launchers: Any) -> None:
    """A container's judge on the same machine may have taken that id: its lock is not seen here."""
    launcher = launchers("user")
    one = student(launcher, "own_user")
    uid, _ = outcome(one, "f")
    stranger = subprocess.Popen(["sleep", "60"], user=uid)
    one.close()
    assert left_over(launcher) == 0
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


@pytest.mark.parametrize("level", CONTAINED)
def test_everything_ends_with_the_judge(level: str, tmp_path: Path) -> None:
    """A judge that is killed with -9 leaves no process of a submission behind."""
    script = f"""
import sys
from pathlib import Path
from gradus.course import Limits
from gradus.sandbox.launcher import Launcher
from gradus.student import Student
launcher = Launcher({level!r}, Limits(check_seconds=60))
one = Student(launcher, "hang.py", Path({str(HOSTILE / "swallow_everything.py")!r}).read_bytes())
one.begin("f")
print(launcher._zygote._process.pid, launcher._zygote._base, flush=True)
one.f(1)
"""
    judge = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert judge.stdout is not None
    zygote, _, base = judge.stdout.readline().strip().partition(" ")
    judge.kill()
    judge.wait()
    judge.stdout.close()
    for _ in range(1000):
        if not Path(f"/proc/{zygote}").exists():
            assert not base or not Path(base).exists()
            return
        os.sched_yield()
        time.sleep(0.02)
    pytest.fail("the zygote outlives its judge")
