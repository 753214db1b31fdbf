"""The audit of one topic: which submissions are graded, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from gradus.audit import verdicts
from gradus.audit.cases import Case, Cases, Equivalent, compose, load_cases
from gradus.audit.mutants import Mutant, mutants
from gradus.audit.verdicts import Accuracy
from gradus.course import Course, Topic, UsageError, check_points, read_salt, shown
from gradus.grading.pool import NoResult, run_jobs
from gradus.jobs import Job
from gradus.results import Isolation, Result
from gradus.solution import Solution

SALT = "audit"  # fixed, so that an audit can be repeated; the course's own is one of the salts

Advance = Callable[[int, int], None]  # (jobs done, jobs known of)


class CannotGrade(Exception):
    """The grader itself failed; the message is one line."""


@dataclass(frozen=True)
class Options:
    """What of an audit to do, and how."""

    salts: int  # that the solution is tried with
    workers: int
    level: Isolation
    mutants: bool = True
    rounds: int = 1  # salts that every mistake and alternative is tried with


@dataclass
class TopicAudit:
    """What was found out about one topic's tests; pairs are (as it should be, all)."""

    topic: str
    problems: list[str] = field(default_factory=list)
    checks: int = 0
    points: float = 0.0
    mistakes: tuple[int, int] = (0, 0)
    alternatives: tuple[int, int] = (0, 0)
    salts: tuple[int, int] = (0, 0)
    mutants: tuple[int, int] | None = None  # equivalent ones are not counted
    equivalent: int = 0  # mutants alive that the cases explain
    equivalents: list[Equivalent] = field(default_factory=list)
    survivors: list[Mutant] = field(default_factory=list)
    accuracies: list[Accuracy] = field(default_factory=list)
    seconds: float = 0.0


def audit_topic(course: Course, topic: Topic, options: Options, advance: Advance) -> TopicAudit:
    """Try the topic's hidden tests on right and wrong answers; the problems are in the result."""
    started = time.perf_counter()
    found = TopicAudit(topic.id)
    try:
        _Audit(course, topic, options, advance, found).run()
    except (UsageError, CannotGrade) as error:
        found.problems.append(str(error))
    found.seconds = time.perf_counter() - started
    return found


def run_cases(
    course: Course, topic: Topic, text: str, options: Options
) -> Iterator[tuple[Case, Result]]:
    """Grade the cases whose title has `text` in it, in capitals or not. Raises CannotGrade."""
    cases = load_cases(course.cases(topic))
    chosen = [
        case
        for case in (*cases.mistakes, *cases.alternatives)
        if text.casefold() in case.title.casefold()
    ]
    solution = _read(course.solution(topic))
    by_name = {f"case-{at}": case for at, case in enumerate(chosen)}
    jobs = [_job(topic, name, compose(solution, case)) for name, case in by_name.items()]
    options = Options(options.salts, min(options.workers, len(jobs)), options.level)
    results = _grade(course, topic, jobs, options, lambda done, total: None)
    yield from ((case, results[name]) for name, case in by_name.items())


class _Audit:
    def __init__(
        self, course: Course, topic: Topic, options: Options, advance: Advance, found: TopicAudit
    ) -> None:
        self.course = course
        self.topic = topic
        self.options = options
        self.advance = advance
        self.found = found
        self.solution = _read(course.solution(topic))
        _read(course.test_file(topic))
        self.cases = Cases()
        if course.cases(topic).exists():
            self.cases = load_cases(course.cases(topic))
        else:
            found.problems.append(f"there are no cases: write {shown(course.cases(topic))}")

    def run(self) -> None:
        todo = mutants(self.solution) if self.options.mutants else []
        # Under names of their own: a message that one cannot be graded should say which.
        by_name = {f"mutant-{n} (line {m.line})": m for n, m in enumerate(todo)}
        jobs = [
            *self._answers(),
            *(_job(self.topic, name, m.source, suspect=m.function) for name, m in by_name.items()),
        ]
        results = _grade(self.course, self.topic, jobs, self.options, self.advance)
        if not _is_full(results["solution"]):
            self.found.problems += verdicts.judge_right("the solution", results["solution"])
            self.found.problems.append("without a solution that passes, nothing else is tried")
            return
        self._judge_answers(results)
        if todo:
            self._judge_mutants(todo, [m for name, m in by_name.items() if _is_full(results[name])])

    def _answers(self) -> list[Job]:
        """All jobs but the mutants; the solution first, for nothing is told without it."""
        solution, source = self.solution, Solution(self.solution)
        cases = {
            **{f"mistake-{n}": case for n, case in enumerate(self.cases.mistakes)},
            **{f"alternative-{n}": case for n, case in enumerate(self.cases.alternatives)},
        }
        composed = {name: compose(solution, case) for name, case in cases.items()}
        sources = {
            "stub": source.stub(),
            **{f"without-{name}": source.without(name) for name in source.parts()},
        }
        return [
            _job(self.topic, "solution", solution),
            *(
                _job(self.topic, f"salt-{salt}", solution, salt=salt)
                for salt in _salts(self.options.salts)[1:]
            ),
            _job(self.topic, "salt-course", solution, salt=read_salt(self.course)),
            *(_job(self.topic, name, source) for name, source in sources.items()),
            *(
                _job(self.topic, name, source, salt=salt)
                for case, source in composed.items()
                for name, salt in self._tries(case).items()
            ),
        ]

    def _tries(self, case: str) -> dict[str, str]:
        """The salts that one case is tried with, by the name of the job."""
        return {f"{case} with {salt}": salt for salt in _salts(self.options.rounds)}

    def _problems(
        self, case: str, results: dict[str, Result], judge: Callable[[Result], Iterable[str]]
    ) -> list[str]:
        """What `judge` finds in one case; of several salts, which."""
        return [
            problem if salt == SALT else f"{problem}, with the salt '{salt}'"
            for name, salt in self._tries(case).items()
            for problem in judge(results[name])
        ]

    def _judge_answers(self, results: dict[str, Result]) -> None:
        found, cases = self.found, self.cases
        solution = results["solution"]
        found.checks, found.points = len(solution.checks), solution.max_score
        with_points = [SimpleNamespace(points=check.max_points) for check in solution.checks]
        try:
            check_points(self.course, self.topic, with_points)
        except UsageError as error:
            found.problems.append(str(error))
        found.problems += verdicts.judge_stub(results["stub"])
        needed = {}
        for name in Solution(self.solution).parts():
            result = results[f"without-{name}"]
            needed[name] = _needs(result)
            found.problems += verdicts.judge_without(name, result)
        judged = [
            self._problems(
                f"mistake-{n}",
                results,
                partial(verdicts.judge_mistake, c, dependent=_dependent(c, needed)),
            )
            for n, c in enumerate(cases.mistakes)
        ]
        found.mistakes = _count(judged)
        found.problems += [problem for problems in judged for problem in problems]
        judged = [
            self._problems(
                f"alternative-{n}",
                results,
                partial(verdicts.judge_right, f"alternative '{c.title}'"),
            )
            for n, c in enumerate(cases.alternatives)
        ]
        found.alternatives = _count(judged)
        found.problems += [problem for problems in judged for problem in problems]
        salted = {
            name.removeprefix("salt-"): result
            for name, result in results.items()
            if name.startswith("salt-")
        }
        found.salts = (sum(map(_is_full, salted.values())), len(salted))
        found.problems += verdicts.judge_salts(salted)
        found.accuracies = verdicts.accuracies(self.topic, [solution, *salted.values()])
        found.problems += verdicts.judge_accuracies(found.accuracies)

    def _judge_mutants(self, todo: list[Mutant], alive: list[Mutant]) -> None:
        equivalents = self.cases.equivalents
        known = [
            m
            for m in alive
            if any(m.is_described_by(e.function, e.old, e.new) for e in equivalents)
        ]
        found = self.found
        found.equivalent, found.equivalents = len(known), list(equivalents)
        found.survivors = [m for m in alive if m not in known]
        found.mutants = (len(todo) - len(alive), len(todo) - len(known))
        found.problems += verdicts.judge_mutants(found.mutants[0], found.survivors)
        found.problems += verdicts.judge_equivalents(equivalents, todo, alive)


def _grade(
    course: Course,
    topic: Topic,
    jobs: Sequence[Job],
    options: Options,
    advance: Advance,
) -> dict[str, Result]:
    """The result of each job by its name; none after a solution that fails.

    All in one pool: a new one takes as long to start as a hundred mutants to grade.
    """
    results: dict[str, Result] = {}
    advance(0, len(jobs))
    graded = run_jobs(
        topic,
        course.test_file(topic),
        jobs,
        workers=options.workers,
        level=options.level,
        salt=SALT,
    )
    with closing(graded):
        for job, result in graded:
            if isinstance(result, NoResult):
                reason = result.reason.splitlines()[-1]
                raise CannotGrade(f"{job.submission} has no result: {reason}")
            results[job.submission] = result
            advance(len(results), len(jobs))
            if job.submission == "solution" and not _is_full(result):
                break
    return results


def _salts(count: int) -> list[str]:
    """The first `count` salts of an audit, the same each time."""
    return [SALT, *(f"{SALT}-{n}" for n in range(1, count))]


def _job(
    topic: Topic,
    name: str,
    source: str,
    *,
    salt: str | None = None,
    suspect: str | None = None,
) -> Job:
    return Job(name, f"{topic.id}.py", source.encode(), salt, suspect)


def _read(path: Path) -> str:
    if not path.exists():
        raise UsageError(f"there is no {shown(path)}")
    return path.read_text(encoding="utf-8")


def _is_full(result: Result) -> bool:
    return result.score >= result.max_score


def _needs(result: Result) -> frozenset[str]:
    """The checks that need a function: those that lose points without it."""
    return frozenset(check.name for check in result.checks if check.points < check.max_points)


def _dependent(case: Case, needed: dict[str, frozenset[str]]) -> frozenset[str] | None:
    """The checks that a case may change; None when it changes what is not a student's function."""
    replaced = [name for name in case.parts if name in needed]
    return frozenset().union(*(needed[name] for name in replaced)) if replaced else None


def _count(judged: list[list[str]]) -> tuple[int, int]:
    return sum(not problems for problems in judged), len(judged)
