"""The audit of one topic: which submissions are graded, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from threading import Event
from types import SimpleNamespace

from gradus.audit import verdicts
from gradus.audit.answers import COURSE, Answers, job, needs
from gradus.audit.mutants import Mutant
from gradus.audit.public import answers_by_name, failing_page
from gradus.audit.trials import SALT, SOLUTION, Noticed, try_answers
from gradus.audit.trusted import AT_ONCE, grade_trusted, trusted_processes
from gradus.audit.verdicts import Accuracy
from gradus.audit.walled import grade_walled, walled_processes
from gradus.audit.whole import missing_of
from gradus.checks.plugin import PUBLIC_SALT
from gradus.checks.recorded import Recording, load_recording
from gradus.course import Course, Topic, UsageError, check_points, shown
from gradus.jobs import Job
from gradus.mistakes.perform import one_thread
from gradus.mistakes.prepare import prepare, sources_of
from gradus.mistakes.read import Alternative, Equivalent, Mistake
from gradus.mistakes.reference import Reference
from gradus.results import Isolation, Result, first_line

Advance = Callable[[int, int], None]  # (jobs done, jobs known of)


class CannotGrade(Exception):
    """The grader itself failed; the message is one line."""


@dataclass(frozen=True)
class Options:
    """What of an audit to do, and how."""

    salts: int  # that every answer is tried with
    judges: int
    level: Isolation
    mutants: bool = True


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
    ended_with: Callable[[TopicAudit], None],
) -> list[TopicAudit]:
    """Try the topics' hidden tests on right and wrong answers; the problems are in the results.

    What is known of a topic's mistakes is prepared here, one topic after the other; what takes
    long, grading, is done in threads, of several topics at once: a judge that starts, or the last
    slow submission of a topic, leaves the others' cores idle. `watch` shows how far a topic is;
    `ended_with` is given each topic's result as soon as there is one, in a thread.
    """
    at_once = max(1, min(options.judges, len(topics)))
    memory_mb = max((topic.limits.memory_mb for topic in topics), default=0)
    ended = Event()
    with (
        walled_processes(at_once) as walled,
        trusted_processes(options.judges, memory_mb) as trusted,
        ThreadPoolExecutor(at_once) as executor,
    ):
        options = replace(options, judges=max(1, options.judges // at_once))
        try:
            futures = [
                executor.submit(_audited, prepared, walled, trusted, watch, ended, ended_with)
                for prepared in (_prepared(course, topic, options) for topic in topics)
            ]
            return [future.result() for future in futures]
        except BaseException:
            ended.set()
            executor.shutdown(cancel_futures=True)
            for processes in (walled, trusted):
                processes.shutdown(cancel_futures=True)
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
    walled: ProcessPoolExecutor,
    trusted: ProcessPoolExecutor,
    watch: Callable[[Topic], AbstractContextManager[Advance]],
    ended: Event,
    ended_with: Callable[[TopicAudit], None],
) -> TopicAudit:
    if isinstance(audit, TopicAudit):
        ended_with(audit)
        return audit
    started = time.perf_counter()
    with watch(audit.topic) as shown_advance:

        def advance(done: int, total: int) -> None:
            if ended.is_set():
                raise CannotGrade("the audit has been ended")
            shown_advance(done, total)

        try:
            audit.run(walled, trusted, advance)
        except (UsageError, CannotGrade) as error:
            audit.found.problems.append(str(error))
    audit.found.seconds += time.perf_counter() - started
    if not ended.is_set():
        ended_with(audit.found)
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
        job(topic, name, reference.composed(reference.parts(answer)))
        for name, answer in chosen.items()
    ]
    if not jobs:
        return
    options = Options(options.salts, min(options.judges, len(jobs)), options.level)
    prepare(course, topic, SALT)
    with walled_processes(options.judges) as walled:
        results = _grade(walled, course, topic, jobs, options)
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
        if not self.sources.mistakes.mistakes:
            found.problems.append(f"there are no mistakes: write {shown(course.mistakes(topic))}")
        self.answers = Answers(
            course, topic, self.sources, options.salts, with_mutants=options.mutants
        )
        self.known = prepare(course, topic, SALT)
        page = course.public_test_file(topic)
        recording = load_recording(page, PUBLIC_SALT)
        if recording is not None:
            for name in answers_by_name(page, self.sources.functions):
                found.problems.append(f"{shown(page)} ships {name}, which students write")
        with one_thread():  # several would wait for each other where all cores are busy
            self._ask_for_the_rest(recording)

    def run(
        self, walled: ProcessPoolExecutor, trusted: ProcessPoolExecutor, advance: Advance
    ) -> None:
        """Grade all answers and judge the results. Raises CannotGrade."""
        answers = self.answers
        mutants = answers.mutant_trials()
        parts = [mutants[at : at + AT_ONCE] for at in range(0, len(mutants), AT_ONCE)]
        jobs = [*answers.walled, *answers.without, *answers.trusted]
        total = len(jobs) + len(answers.salts) + len(parts)
        advance(0, total)
        results = _grade(walled, self.course, self.topic, answers.walled, self.options)
        advance(len(results), total)
        if not _is_full(results["solution"]):
            self.found.problems += verdicts.judge_right("the solution", results["solution"])
            self.found.problems.append("without a solution that passes, nothing else is tried")
            return
        test_file, solution = self.course.test_file(self.topic), results["solution"]
        noticed: dict[str, dict[str, Noticed]] = {}  # by the salt
        caught: set[str] = set()

        def grade(jobs: Iterable[Job]) -> None:
            narrowed = [answers.narrowed(one, results) for one in jobs]
            graded = grade_trusted(trusted, self.topic, test_file, narrowed, SALT, solution)
            for done, result in graded:
                results[done.submission] = result
                advance(min(len(results) + len(parts), total), total)

        try:
            self._try_page(trusted)
            grade(answers.without)  # what needs which function
            grade(answers.trusted)
            grade(answers.passing(results))
            float32 = self.known.float32
            todo = [(SALT, part) for part in parts]
            for _, found in try_answers(trusted, self.sources, todo, float32):
                caught |= {name for name, checks in found.items() if any(checks.values())}
            grade(answers.mutant_jobs(caught))
            salted = try_answers(trusted, self.sources, answers.trials(results), float32)
            for salt, found in salted:
                noticed[salt] = found
                advance(min(len(results) + len(parts) + len(noticed), total), total)
        except BrokenProcessPool:
            raise CannotGrade("a mistake or a mutant has ended the process that tries it") from None
        self._judge_answers(results, noticed)
        self.found.problems += [
            f"no check notices the argument {name}" for name in self.known.unnoticed
        ]
        if answers.mutants:
            alive = [name for name in answers.mutants if name not in caught]
            self._judge_mutants([answers.mutants[n] for n in alive if _is_full(results[n])])

    def _try_page(self, trusted: ProcessPoolExecutor) -> None:
        """Right answers pass the checks that students get."""
        page = self.course.public_test_file(self.topic)
        right = {
            f"alternative '{one.title}'": self.answers.parts[f"alternative-{n}"]
            for n, one in enumerate(self.sources.mistakes.alternatives)
        }
        failing = trusted.submit(failing_page, page, self.sources, PUBLIC_SALT, right).result()
        self.found.problems += [f"at home {text}" for text in failing]

    def _ask_for_the_rest(self, recording: Recording | None) -> None:
        """What students have beside the stubs and the checks."""
        first = next((check.name for check in self.answers.checks if check.public), "")
        calls = recording.comparisons.get(first) if recording else ()
        by_hand = calls[0] if calls else None
        solution = self.answers.solution
        self.found.problems += missing_of(solution, solution.filename, by_hand)

    def _judge_answers(
        self, results: dict[str, Result], noticed: Mapping[str, Mapping[str, Noticed]]
    ) -> None:
        found, answers = self.found, self.answers
        written = self.sources.mistakes
        solution = results["solution"]
        found.checks, found.points = len(solution.checks), solution.max_score
        with_points = [SimpleNamespace(points=check.max_points) for check in solution.checks]
        try:
            check_points(self.course, self.topic, with_points)
        except UsageError as error:
            found.problems.append(str(error))
        found.problems += verdicts.judge_stub(results["stub"])
        needed = {}
        for name in answers.solution.parts():
            result = results[f"without-{name}"]
            needed[name] = needs(result)
            found.problems += verdicts.judge_without(name, result)
            found.problems += verdicts.judge_raising(name, results[f"raising-{name}"])
        judged = [
            self._judged_mistake(f"mistake-{n}", m, results, needed, noticed)
            for n, m in enumerate(written.mistakes)
        ]
        found.mistakes = _count(judged)
        found.problems += [problem for problems in judged for problem in problems]
        judged = [
            self._judged_alternative(f"alternative-{n}", a, results, noticed)
            for n, a in enumerate(written.alternatives)
        ]
        found.alternatives = _count(judged)
        found.problems += [problem for problems in judged for problem in problems]
        found.problems += verdicts.judge_written(written, self.sources.functions)
        named = [
            verdicts.is_pair_named(function, said, results[f"pair-{n}"])
            for n, (function, said, _) in enumerate(answers.pairs)
        ]
        found.pairs = (sum(named), len(named))
        found.problems += verdicts.judge_pairs(found.pairs)
        for n, (function, helper, _) in enumerate(answers.pasted):
            result = results[f"pasted-{n}"]
            found.problems += verdicts.judge_pasted(function, helper, result)
        salted = {
            name.removeprefix("salt-"): result
            for name, result in results.items()
            if name.startswith("salt-")
        }
        failing = {
            salt: text
            for salt, of in sorted(noticed.items())
            for text in of.get(SOLUTION, {}).values()
        }
        failed = {*failing, *(salt for salt, result in salted.items() if not _is_full(result))}
        total = 1 + len(answers.salts)
        found.salts = (total - len(failed), total)
        found.problems += verdicts.judge_salts(salted, failing, total)
        # Not with the course's own secret, or an audit of the same files would pass here only.
        fixed = [result for salt, result in salted.items() if salt != COURSE]
        found.accuracies = verdicts.accuracies(self.topic, [solution, *fixed])
        found.problems += verdicts.judge_accuracies(found.accuracies)

    def _judged_mistake(
        self,
        name: str,
        mistake: Mistake,
        results: Mapping[str, Result],
        needed: dict[str, frozenset[str]],
        noticed: Mapping[str, Mapping[str, Noticed]],
    ) -> list[str]:
        dependent = _dependent(self.answers.parts[name], needed)
        of_salts = [found[name] for found in noticed.values() if name in found]
        return [
            *verdicts.judge_mistake(mistake, results[name], dependent),
            *verdicts.judge_luck(mistake, results[name], of_salts),
        ]

    def _judged_alternative(
        self,
        name: str,
        alternative: Alternative,
        results: Mapping[str, Result],
        noticed: Mapping[str, Mapping[str, Noticed]],
    ) -> list[str]:
        """What is wrong with the first salt with which something is."""
        answer = f"alternative '{alternative.title}'"
        problems = list(verdicts.judge_right(answer, results[name]))
        for salt, found in sorted(noticed.items()):
            problems = problems or [
                f"{answer}, with the salt '{salt}', loses points in {check} ({said})"
                for check, said in found.get(name, {}).items()
                if said
            ]
        return problems

    def _judge_mutants(self, alive: list[Mutant]) -> None:
        equivalents, todo = self.sources.mistakes.equivalents, list(self.answers.mutants.values())
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
    executor: ProcessPoolExecutor,
    course: Course,
    topic: Topic,
    jobs: Sequence[Job],
    options: Options,
) -> dict[str, Result]:
    """The result of each job by its name, behind the walls."""
    test_file = course.test_file(topic)
    about = (jobs, options.level, SALT, options.judges)
    try:
        graded = grade_walled(executor, topic, test_file, *about)
        return {job.submission: result for job, result in graded}
    except (BrokenProcessPool, OSError) as error:
        raise CannotGrade(f"no judge works here: {first_line(str(error))}") from None


def _is_full(result: Result) -> bool:
    return result.score >= result.max_score


def _dependent(parts: Collection[str], needed: dict[str, frozenset[str]]) -> frozenset[str] | None:
    """The checks that an answer may change; None where it changes no student's function."""
    replaced = [name for name in parts if name in needed]
    return frozenset().union(*(needed[name] for name in replaced)) if replaced else None


def _count(judged: list[list[str]]) -> tuple[int, int]:
    return sum(not problems for problems in judged), len(judged)
