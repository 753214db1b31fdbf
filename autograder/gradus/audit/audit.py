"""The audit of one topic: which submissions are graded, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from threading import Event
from types import SimpleNamespace

from gradus.audit import verdicts
from gradus.audit.mutants import Mutant, mutants
from gradus.audit.public import answers_by_name, failing_page, pasted
from gradus.audit.verdicts import Accuracy
from gradus.checks.plugin import PUBLIC_SALT
from gradus.checks.recorded import load_recording
from gradus.checks.session import list_checks
from gradus.course import Course, Topic, UsageError, check_points, read_salt, shown
from gradus.grading.pool import NoResult, run_jobs
from gradus.jobs import Job
from gradus.mistakes.prepare import prepare, sources_of
from gradus.mistakes.read import Alternative, Equivalent, Mistake
from gradus.mistakes.reference import Reference
from gradus.mistakes.variants import pairs
from gradus.results import Isolation, Result

SALT = "audit"  # fixed, so that an audit can be repeated; the course's own is one of the salts

Advance = Callable[[int, int], None]  # (jobs done, jobs known of)


class CannotGrade(Exception):
    """The grader itself failed; the message is one line."""


@dataclass(frozen=True)
class Options:
    """What of an audit to do, and how."""

    salts: int  # that the solution is tried with
    judges: int
    level: Isolation
    mutants: bool = True
    rounds: int = 1  # salts that every mistake and alternative is tried with
    pairs: int = 30  # of two mistakes in one function that are tried, at most


@dataclass
class TopicAudit:
    """What was found out about one topic's tests; pairs are (as it should be, all)."""

    topic: str
    problems: list[str] = field(default_factory=list)
    checks: int = 0
    points: float = 0.0
    mistakes: tuple[int, int] = (0, 0)
    pairs: tuple[int, int] = (0, 0)
    alternatives: tuple[int, int] = (0, 0)
    salts: tuple[int, int] = (0, 0)
    mutants: tuple[int, int] | None = None  # equivalent ones are not counted
    equivalent: int = 0  # mutants alive that the cases explain
    equivalents: list[Equivalent] = field(default_factory=list)
    survivors: list[Mutant] = field(default_factory=list)
    accuracies: list[Accuracy] = field(default_factory=list)
    seconds: float = 0.0


def audit_topics(
    course: Course,
    topics: Sequence[Topic],
    options: Options,
    watch: Callable[[Topic], AbstractContextManager[Advance]],
) -> list[TopicAudit]:
    """Try the topics' hidden tests on right and wrong answers; the problems are in the results.

    What is known of a topic's mistakes is prepared here, one topic after the other; what takes
    long, grading, is done in threads, of several topics at once: a judge that starts, or the last
    slow submission of a topic, leaves the others' cores idle. `watch` shows how far a topic is.
    """
    at_once = max(1, min(options.judges, len(topics)))
    options = replace(options, judges=max(1, options.judges // at_once))
    ended = Event()
    with ThreadPoolExecutor(at_once) as executor:
        try:
            futures = [
                executor.submit(_audited, prepared, watch, ended)
                for prepared in (_prepared(course, topic, options) for topic in topics)
            ]
            return [future.result() for future in futures]
        except BaseException:
            ended.set()
            executor.shutdown(cancel_futures=True)
            raise


def _prepared(course: Course, topic: Topic, options: Options) -> _Audit | TopicAudit:
    """An audit that can be run, or why it cannot."""
    started, found = time.perf_counter(), TopicAudit(topic.id)
    try:
        return _Audit(course, topic, options, found)
    except UsageError as error:
        found.problems.append(str(error))
        return found
    finally:
        found.seconds = time.perf_counter() - started


def _audited(
    audit: _Audit | TopicAudit,
    watch: Callable[[Topic], AbstractContextManager[Advance]],
    ended: Event,
) -> TopicAudit:
    if isinstance(audit, TopicAudit):
        return audit
    started = time.perf_counter()
    with watch(audit.topic) as shown_advance:

        def advance(done: int, total: int) -> None:
            if ended.is_set():
                raise CannotGrade("the audit has been ended")
            shown_advance(done, total)

        try:
            audit.run(advance)
        except (UsageError, CannotGrade) as error:
            audit.found.problems.append(str(error))
    audit.found.seconds += time.perf_counter() - started
    return audit.found


def run_answers(
    course: Course, topic: Topic, text: str, options: Options
) -> Iterator[tuple[Mistake | Alternative, Result]]:
    """Grade the answers with `text` in what they say, or as their function.

    Raises CannotGrade.
    """
    sources = sources_of(course, topic)
    reference = Reference(sources.solution, shown(course.solution(topic)))
    written = sources.mistakes
    answers: list[Mistake | Alternative] = [*written.mistakes, *written.alternatives]
    chosen = {
        f"answer-{at}": answer
        for at, answer in enumerate(answers)
        if any(text.casefold() in words.casefold() for words in described_by(answer))
    }
    jobs = [
        _job(topic, name, reference.composed(reference.parts(answer)))
        for name, answer in chosen.items()
    ]
    options = Options(options.salts, min(options.judges, len(jobs)), options.level)
    prepare(course, topic, SALT)
    results = _grade(course, topic, jobs, options, lambda done, total: None)
    yield from ((answer, results[name]) for name, answer in chosen.items())


def described_by(answer: Mistake | Alternative) -> tuple[str, ...]:
    """What an answer may be looked for by."""
    if isinstance(answer, Alternative):
        return answer.title, *answer.parts
    return answer.says, answer.function, answer.where


class _Audit:
    """Of one topic. Raises UsageError where the topic's files do not fit together."""

    def __init__(self, course: Course, topic: Topic, options: Options, found: TopicAudit) -> None:
        self.course = course
        self.topic = topic
        self.options = options
        self.found = found
        self.sources = sources_of(course, topic)
        self.written = self.sources.mistakes
        self.reference = Reference(self.sources.solution, shown(course.solution(topic)))
        self.solution = self.reference.solution
        if not self.written.mistakes:
            found.problems.append(f"there are no mistakes: write {shown(course.mistakes(topic))}")
        told = [m for m in self.written.mistakes if m.says]
        self.pairs = list(pairs(self.reference, told))
        self.checks = list_checks(course.test_file(topic))
        self.pasted = list(pasted(course, topic, self.solution))
        self.chosen_pairs = Random(SALT).sample(self.pairs, min(len(self.pairs), options.pairs))
        first = {m.function: m for m in reversed(self.written.mistakes)}
        self.repeated = {  # further mistakes in one function alone, by the name of the job
            name: m
            for n, m in enumerate(self.written.mistakes)
            for name in self._tries(f"mistake-{n}")
            if m.changes_only_its_function and m is not first[m.function]
        }
        self.unnoticed = self._record()
        self._try_page()

    def run(self, advance: Advance) -> None:
        """Grade all answers and judge the results. Raises CannotGrade."""
        todo = mutants(self.solution.text) if self.options.mutants else []
        # Under names of their own: a message that one cannot be graded should say which.
        by_name = {f"mutant-{n} (line {m.line})": m for n, m in enumerate(todo)}
        jobs = [
            *self._answers(),
            *(_job(self.topic, name, m.source, suspect=m.function) for name, m in by_name.items()),
        ]
        results = _grade(
            self.course, self.topic, jobs, self.options, advance, narrowed=self._narrowed
        )
        if not _is_full(results["solution"]):
            self.found.problems += verdicts.judge_right("the solution", results["solution"])
            self.found.problems.append("without a solution that passes, nothing else is tried")
            return
        self._judge_answers(results)
        self.found.problems += [f"no check notices the argument {name}" for name in self.unnoticed]
        if todo:
            self._judge_mutants(todo, [m for name, m in by_name.items() if _is_full(results[name])])

    def _record(self) -> list[str]:
        """Have the mistakes recorded for the salts they are tried with; returns the arguments
        that no check notices."""
        recordings = [
            prepare(self.course, self.topic, salt) for salt in _salts(self.options.rounds)
        ]
        return list(recordings[0].unnoticed)

    def _try_page(self) -> None:
        """The solution passes the checks that students get."""
        page = self.course.public_test_file(self.topic)
        recording = load_recording(page, PUBLIC_SALT)
        if recording is None:
            return
        failing = failing_page(page, self.sources, PUBLIC_SALT, recording.comparisons)
        self.found.problems += [f"at home the solution fails {text}" for text in failing]
        for name in answers_by_name(page, self.sources.functions):
            self.found.problems.append(f"{shown(page)} ships {name}, which students write")

    def _answers(self) -> list[Job]:
        """All jobs but the mutants; the solution first, for nothing is told without it."""
        solution = self.solution
        answers: dict[str, Mistake | Alternative] = {
            **{f"mistake-{n}": m for n, m in enumerate(self.written.mistakes)},
            **{f"alternative-{n}": a for n, a in enumerate(self.written.alternatives)},
        }
        compose, parts = self.reference.composed, self.reference.parts
        composed = {name: compose(parts(answer)) for name, answer in answers.items()}
        sources = {
            "stub": solution.stub(),
            **{f"without-{name}": solution.without(name) for name in solution.parts()},
        }
        return [
            _job(self.topic, "solution", solution.text),
            *(
                _job(self.topic, f"salt-{salt}", solution.text, salt=salt)
                for salt in _salts(self.options.salts)[1:]
            ),
            _job(self.topic, "salt-course", solution.text, salt=read_salt(self.course)),
            *(_job(self.topic, name, source) for name, source in sources.items()),
            *(
                _job(self.topic, name, source, salt=salt)
                for case, source in composed.items()
                for name, salt in self._tries(case).items()
            ),
            *(
                _job(self.topic, f"pair-{n}", compose(changed), checks=self._checks_of(function))
                for n, (function, _, changed) in enumerate(self.chosen_pairs)
            ),
            *(
                _job(self.topic, f"pasted-{n}", text, checks=self._checks_of(function))
                for n, (function, _, text) in enumerate(self.pasted)
            ),
        ]

    def _narrowed(self, job: Job, results: Mapping[str, Result]) -> Job:
        """A mistake is tried in the checks that need its function, those that fail without it.

        The others do not call it, or see a stand-in once it has failed its own check, whatever the
        mistake: the first one of each function is tried in all of them.
        """
        mistake = self.repeated.get(job.submission)
        without = results.get(f"without-{mistake.function}") if mistake else None
        if mistake is None or without is None:
            return job
        backward = mistake.function.removesuffix("_forward") + "_backward"
        asked = self._checks_of(mistake.function) | self._checks_of(backward)
        return replace(job, checks=asked | _needs(without))

    def _checks_of(self, function: str) -> frozenset[str]:
        return frozenset(check.name for check in self.checks if check.function == function)

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
        found, written = self.found, self.written
        solution = results["solution"]
        found.checks, found.points = len(solution.checks), solution.max_score
        with_points = [SimpleNamespace(points=check.max_points) for check in solution.checks]
        try:
            check_points(self.course, self.topic, with_points)
        except UsageError as error:
            found.problems.append(str(error))
        found.problems += verdicts.judge_stub(results["stub"])
        needed = {}
        for name in self.solution.parts():
            result = results[f"without-{name}"]
            needed[name] = _needs(result)
            found.problems += verdicts.judge_without(name, result)
        judged = [
            self._problems(
                f"mistake-{n}",
                results,
                partial(
                    verdicts.judge_mistake, m, dependent=_dependent(self.reference.parts(m), needed)
                ),
            )
            for n, m in enumerate(written.mistakes)
        ]
        found.mistakes = _count(judged)
        found.problems += [problem for problems in judged for problem in problems]
        judged = [
            self._problems(
                f"alternative-{n}",
                results,
                partial(verdicts.judge_right, f"alternative '{a.title}'"),
            )
            for n, a in enumerate(written.alternatives)
        ]
        found.alternatives = _count(judged)
        found.problems += [problem for problems in judged for problem in problems]
        found.problems += verdicts.judge_written(written, self.sources.functions)
        named = [
            verdicts.is_pair_named(function, said, results[f"pair-{n}"])
            for n, (function, said, _) in enumerate(self.chosen_pairs)
        ]
        found.pairs = (sum(named), len(named))
        found.problems += verdicts.judge_pairs(found.pairs)
        for n, (function, helper, _) in enumerate(self.pasted):
            result = results[f"pasted-{n}"]
            found.problems += verdicts.judge_pasted(function, helper, result)
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
        equivalents = self.written.equivalents
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
    narrowed: Callable[[Job, Mapping[str, Result]], Job] = lambda job, results: job,
) -> dict[str, Result]:
    """The result of each job by its name; none after a solution that fails. A job is handed out
    as `narrowed` makes it, which sees the results so far.

    All in one pool: a new one takes as long to start as a hundred mutants to grade.
    """
    results: dict[str, Result] = {}
    advance(0, len(jobs))
    graded = run_jobs(
        topic,
        course.test_file(topic),
        (narrowed(job, results) for job in jobs),
        judges=options.judges,
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
    checks: frozenset[str] | None = None,
) -> Job:
    return Job(name, f"{topic.id}.py", source.encode(), salt, suspect, checks)


def _is_full(result: Result) -> bool:
    return result.score >= result.max_score


def _needs(result: Result) -> frozenset[str]:
    """The checks that need a function: those that lose points without it."""
    return frozenset(check.name for check in result.checks if check.points < check.max_points)


def _dependent(parts: Collection[str], needed: dict[str, frozenset[str]]) -> frozenset[str] | None:
    """The checks that an answer may change; None where it changes no student's function."""
    replaced = [name for name in parts if name in needed]
    return frozenset().union(*(needed[name] for name in replaced)) if replaced else None


def _count(judged: list[list[str]]) -> tuple[int, int]:
    return sum(not problems for problems in judged), len(judged)
