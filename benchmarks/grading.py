"""What grading costs beyond the checks' own computation: `python benchmarks/grading.py [TOPIC...]`

A topic's solution, and the solution with each of its written mistakes, are graded in turn in two
ways, by the same hidden tests: bare, the functions called directly in this process, stand-ins too;
and through a warm judge of the pool, with everything that comes with it (a fresh contained process,
reading the source for forbidden names, the wire, the result's way back). CPU time of all processes
in milliseconds a submission: medians of the solution's, means over the mistakes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import torch
from rich.console import Console
from rich.table import Table

from gradus.checks import session
from gradus.course import Course, Topic, find_course, load_course
from gradus.errors import Raised
from gradus.grading.pool import NoResult, run_jobs
from gradus.jobs import Job
from gradus.mistakes.read import read_mistakes
from gradus.mistakes.reference import Reference
from gradus.sandbox.levels import best_level
from gradus.solution import Solution, without_marks
from gradus.student import Trace


class Direct:
    """What checks see of a student.Student, with the functions in this process."""

    def __init__(self, launcher: Any, filename: str, source: bytes, forbid: object = ()) -> None:
        self.source = source
        self.filename = filename
        self.functions: dict[str, str] = {}
        self.notes: list[str] = []
        self.last_changed: list[str] = []
        self.last_notes: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args, **kwargs: self.call(name, *args, **kwargs)

    def load(self) -> None:
        self.own: dict[str, Any] = {"__name__": "submission"}
        exec(compile(self.source, self.filename, "exec"), self.own)
        self.namespace = dict(self.own)

    def begin(
        self, check_name: str, seed: int = 0, stand_ins: Mapping[str, Any] = {}, **rest: Any
    ) -> None:
        self.own.update({name: self.namespace[name] for name in self.namespace})
        self.own.update(stand_ins)
        torch.manual_seed(seed)

    def exchange(self) -> bool:
        return False

    def end(self) -> Trace:
        return Trace()

    def relies_on(self, function: str) -> Sequence[str]:
        return []

    def call(self, target: Any, *args: Any, **kwargs: Any) -> Any:
        function = self.own[target] if isinstance(target, str) else target
        try:
            with torch.no_grad():
                return function(*args, **kwargs)
        except Exception as error:
            raise Raised(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        pass


def bare(test_file: Path, topic: Topic, jobs: Sequence[Job], salt: str) -> list[float]:
    """Seconds of the processor's for each job in this process."""
    launcher = SimpleNamespace(level="process", device="cpu", limits=topic.limits)
    session.Student = Direct  # type: ignore[misc,assignment]
    seconds: list[float] = []

    def timed() -> Iterator[Job]:
        for job in jobs:
            start = time.process_time()
            yield job
            seconds.append(time.process_time() - start)

    session.run_session(
        test_file, topic, timed(), lambda job, result: None, launcher=launcher, salt=salt
    )  # type: ignore[arg-type]
    return seconds


def below() -> float:
    """Seconds that all processes below this one have computed, ended ones included."""
    spent = 0.0
    for process in psutil.Process().children(recursive=True):
        spent += sum(process.cpu_times()[:4])  # its own, and of those that it has seen end
    return spent


def pooled(test_file: Path, topic: Topic, jobs: Sequence[Job], salt: str) -> list[float]:
    """The same through a judge of the pool."""
    seconds: list[float] = []

    def timed() -> Iterator[Job]:
        # The pool asks for the next job when the one before has come back and its judge rests.
        for job in jobs:
            start = below()
            yield job
            seconds.append(below() - start)

    for job, result in run_jobs(topic, test_file, timed(), judges=1, level=best_level(), salt=salt):
        if isinstance(result, NoResult):
            raise SystemExit(f"{job.submission}: {result.reason}")
    return seconds


def submissions(course: Course, topic: Topic, rounds: int) -> tuple[list[Job], list[Job]]:
    """The solution so many times, and each mistake once."""
    solution = Solution.read(course.solution(topic))
    reference = Reference(solution.text)
    written = read_mistakes(course.mistakes(topic)).mistakes
    mistaken = [without_marks(reference.composed(reference.parts(m))) for m in written]

    def job(name: str, text: str) -> Job:
        return Job(name, f"{topic.id}.py", text.encode())

    right = [job(f"right{n}", without_marks(solution.text)) for n in range(rounds)]
    return right, [job(f"mistake{n}", text) for n, text in enumerate(mistaken)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("topics", nargs="*")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    course = load_course(find_course(Path(__file__).parent))
    table = Table(title=f"isolation {best_level()}, CPU ms a submission", box=None)
    for heading in ("topic", "right: bare", "graded", "ratio", "mistaken: bare", "graded", "ratio"):
        table.add_column(heading, justify="left" if heading == "topic" else "right")
    for topic in course.select(options.topics):
        right, mistaken = submissions(course, topic, options.rounds)
        jobs = [*right[:2], *right, *mistaken]  # the first two warm everything up
        cells = [topic.id]
        ways = [
            way(course.test_file(topic), topic, jobs, "benchmark")[2:] for way in (pooled, bare)
        ]
        for part, mean in (
            (slice(len(right)), statistics.median),
            (slice(len(right), None), statistics.fmean),
        ):
            graded, direct = (1e3 * mean(seconds[part]) for seconds in ways)
            cells += [f"{direct:.0f}", f"{graded:.0f}", f"{graded / direct:.2f}"]
        table.add_row(*cells)
    Console().print(table)


if __name__ == "__main__":
    main()
