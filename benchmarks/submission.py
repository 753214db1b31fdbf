"""How long a submission takes to its first answer, what a call costs, what memory it takes.

    python benchmarks/submission.py [process|user|namespaces ...]

Every figure stands beside the same work in this process, and the ratio is what counts: the two
are measured in turn, so that a busy machine slows both.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from gradus.course import Limits
from gradus.sandbox.launcher import Launcher
from gradus.sandbox.levels import LEVELS, available_levels
from gradus.student import Student

SOURCE = b"""
import torch

def add(x, y):
    return x + y

def softmax(x):
    e = torch.exp(x - x.max(1, keepdim=True).values)
    return e / e.sum(1, keepdim=True)
"""
FORBID = ["torch.autograd", "torch.nn", "torch.optim", "torch.softmax"]


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def side_by_side(one: Callable[[], Any], other: Callable[[], Any], repeat: int) -> list[float]:
    """Medians of both, measured in turn."""
    pairs = [(seconds(one), seconds(other)) for _ in range(repeat)]
    return [statistics.median(column) for column in zip(*pairs, strict=True)]


def fork() -> None:
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)


class Echo:
    """A bare process that sends back every message: what no call can be faster than."""

    def __init__(self) -> None:
        self.sock, other = socket.socketpair()
        self.pid = os.fork()
        if not self.pid:
            self.sock.close()
            while data := other.recv(1 << 20):
                other.sendall(data)
            os._exit(0)
        other.close()

    def trip(self, size: int) -> None:
        self.sock.sendall(bytes(size))
        while size:
            size -= len(self.sock.recv(size))

    def close(self) -> None:
        self.sock.close()
        os.waitpid(self.pid, 0)


def private_mb(launcher: Launcher) -> float:
    """Unshared memory of the process furthest below the zygote, in MB."""
    assert launcher._zygote is not None
    assert launcher._zygote._process is not None
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid, _, rest = stat.read_text().partition(" (")
            parents[int(rest.rpartition(") ")[2].split()[1])] = int(pid)
    pid = launcher._zygote._process.pid
    while pid in parents:  # each has one child: bubblewrap, zygote, process 1's parent, process 1
        pid = parents[pid]
    rows = [line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
    return sum(int(row[1]) for row in rows if row[0] in ("Private_Clean:", "Private_Dirty:")) / 1024


def measure(level: Any, table: Table) -> None:
    with Launcher(level, Limits()) as launcher:
        x, y = torch.ones(4, 5, dtype=torch.float64), torch.ones(4, 5, dtype=torch.float64)

        def first_answer(forbid: list[str]) -> None:
            student = Student(launcher, "add.py", SOURCE, forbid)
            student.begin("first")
            student.add(x, y)
            student.close()

        first_answer([])  # the zygote's own start is not counted
        repeat = 3 if level == "process" else 15
        for title, forbid in (("first answer", []), ("first answer, names forbidden", FORBID)):
            ours, theirs = side_by_side(lambda f=forbid: first_answer(f), fork, repeat)
            row = (f"{1e3 * ours:.0f} ms", f"fork: {1e3 * theirs:.1f} ms", f"{ours / theirs:.1f}")
            table.add_row(level, title, *row)
        student = Student(launcher, "add.py", SOURCE)
        student.begin("calls")
        echo = Echo()
        ours, theirs = side_by_side(
            lambda: [student.add(x, y) for _ in range(100)],
            lambda: [echo.trip(500) for _ in range(100)],
            10,
        )
        echo.close()
        row = (f"{1e4 * ours:.0f} ms", f"echo: {1e4 * theirs:.1f} ms", f"{ours / theirs:.1f}")
        table.add_row(level, "1000 calls, (4, 5) + (4, 5)", *row)
        big = torch.ones(1000, 1000)
        ours, theirs = side_by_side(lambda: student.softmax(big), lambda: torch.softmax(big, 1), 10)
        row = (f"{1e3 * ours:.1f} ms", f"here: {1e3 * theirs:.1f} ms", f"{ours / theirs:.1f}")
        table.add_row(level, "softmax of (1000, 1000), 4 MB each way", *row)
        if level != "process":
            used = private_mb(launcher)
            table.add_row(level, "private memory of a submission", f"{used:.0f} MB", "", "")
        student.close()


def main() -> None:
    torch.set_num_threads(1)
    table = Table("level", "what", "measured", "beside it", "ratio")
    for level in sys.argv[1:] or LEVELS:
        reason = available_levels()[level]  # type: ignore[index]
        if reason:
            table.add_row(level, reason, "", "", "")
        else:
            measure(level, table)
    Console().print(table)


if __name__ == "__main__":
    main()
