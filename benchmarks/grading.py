"""What grading costs beyond the checks' own computation: `python benchmarks/grading.py [TOPIC...]`

Each topic's solution is graded in turn in two ways, by the same hidden tests: its functions called
directly in this process, and through a warm judge of the pool, with everything that comes with it
(a fresh contained process, reading the source for forbidden names, the wire, the result's way
back). One thread each. Medians, in seconds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from gradus.checks import session
from gradus.course import Course, Topic, find_course, load_course
from gradus.errors import Raised
from gradus.grading.pool import NoResult, run_jobs
from gradus.jobs import Job
from gradus.results import Result
from gradus.sandbox.levels import best_level
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
        self.namespace: dict[str, Any] = {"__name__": "submission"}
        exec(compile(self.source, self.filename, "exec"), self.namespace)

    def begin(self, check_name: str, seed: int = 0, stand_ins: Mapping[str, Any] = {}) -> None:
        torch.manual_seed(seed)

    def end(self) -> Trace:
        return Trace()

    def call(self, target: Any, *args: Any, **kwargs: Any) -> Any:
        function = self.namespace[target] if isinstance(target, str) else target
        try:
            with torch.no_grad():
                return function(*args, **kwargs)
        except Exception as error:
            raise Raised(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        pass


def directly(test_file: Path, topic: Topic, jobs: Iterator[Job], salt: str) -> Iterator[float]:
    """How long each job takes in this process."""
    launcher = SimpleNamespace(level="process", device="cpu", limits=topic.limits)
    session.Student = Direct  # type: ignore[misc,assignment]
    seconds: list[float] = []

    def timed() -> Iterator[Job]:
        for job in jobs:
            start = time.perf_counter()
            yield job
            seconds.append(time.perf_counter() - start)

    def full(job: Job, result: Result) -> None:
        assert result.score == result.max_score, result

    session.run_session(test_file, topic, timed(), full, launcher=launcher, salt=salt)  # type: ignore[arg-type]
    yield from seconds


def measure(course: Course, topic: Topic, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of each round, direct and through the pool; one round to warm up is left out."""
    test_file = course.test_file(topic)
    job = Job(topic.id, f"{topic.id}.py", course.solution(topic).read_bytes())
    direct: list[float] = []
    pooled: list[float] = []

    def alternately() -> Iterator[Job]:
        # The pool asks for the next job when the one before has come back and its judge rests.
        for _ in range(rounds + 1):
            direct.extend(directly(test_file, topic, iter([job]), "benchmark"))
            start = time.perf_counter()
            yield job
            pooled.append(time.perf_counter() - start)

    outcomes = run_jobs(
        topic, test_file, alternately(), judges=1, level=best_level(), salt="benchmark"
    )
    for _, result in outcomes:
        if isinstance(result, NoResult) or result.score < result.max_score:
            raise SystemExit(f"{topic.id}: the solution does not get full points: {result}")
    return direct[1:], pooled[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("topics", nargs="*")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    course = load_course(find_course(Path(__file__).parent))
    table = Table(title=f"isolation {best_level()}, median of {options.rounds}", box=None)
    for heading in ("topic", "direct", "pool", "pool − direct", "from … to"):
        table.add_column(heading, justify="left" if heading == "topic" else "right")
    for topic in course.select(options.topics):
        if not course.solution(topic).is_file() or not course.test_file(topic).is_file():
            continue
        direct, pooled = measure(course, topic, options.rounds)
        extra = [p - d for d, p in zip(direct, pooled, strict=True)]
        table.add_row(
            topic.id,
            f"{statistics.median(direct):.3f}",
            f"{statistics.median(pooled):.3f}",
            f"{statistics.median(extra):.3f}",
            f"{min(extra):.3f} … {max(extra):.3f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
