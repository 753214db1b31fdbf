"""What one topic's tests are tried on: right and wrong answers, each as a job to grade."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from gradus.audit import trusted
from gradus.audit.mutants import Mutant, mutants
from gradus.audit.public import pasted
from gradus.audit.trials import SALT, Trial
from gradus.checks.session import list_checks
from gradus.course import Course, Topic, read_salt, shown
from gradus.inside import policy
from gradus.jobs import Job
from gradus.mistakes import recorder
from gradus.mistakes.perform import Sources
from gradus.mistakes.read import Alternative, Mistake
from gradus.mistakes.reference import Reference
from gradus.mistakes.variants import pairs
from gradus.results import Result, Status

COURSE = "course"  # what the course's own secret is called
PAIRS = 30  # of two mistakes in one function that are tried, at most
RARELY = 4  # right answers take as long as all mistakes, for no check ends early


class Answers:
    """Of one topic; jobs are told apart by the names of their submissions.

    `walled` are graded as students' work is, the solution first, for nothing is told without it;
    `without` one function each, and then `trusted`, in a process of the audit's. All of them are
    made in the main thread: Python's `ast` is not safe in several
    (https://github.com/python/cpython/issues/106905).
    """

    def __init__(
        self, course: Course, topic: Topic, sources: Sources, salts: int, *, with_mutants: bool
    ) -> None:
        self.topic = topic
        self.sources = sources
        self.reference = Reference(sources.solution, shown(course.solution(topic)))
        self.solution = self.reference.solution
        self.salts = [f"{SALT}-{n}" for n in range(1, salts)]  # beside SALT
        written = sources.mistakes
        self.written: dict[str, Mistake | Alternative] = {
            **{f"mistake-{n}": m for n, m in enumerate(written.mistakes)},
            **{f"alternative-{n}": a for n, a in enumerate(written.alternatives)},
        }
        self.parts = {name: self.reference.parts(a) for name, a in self.written.items()}
        self.first = {m.function: m for m in reversed(written.mistakes)}
        told = [m for m in written.mistakes if m.says]
        all_pairs = list(pairs(self.reference, told))
        self.pairs = Random(SALT).sample(all_pairs, min(len(all_pairs), PAIRS))
        self.pasted = list(pasted(course, topic, self.solution))
        found = mutants(self.solution.text) if with_mutants else []
        # Under names of their own: a message that one cannot be graded should say which.
        self.mutants: dict[str, Mutant] = {
            f"mutant-{n} (line {m.line})": m for n, m in enumerate(found)
        }
        self.checks = list_checks(course.test_file(topic))
        self.every = frozenset(check.name for check in self.checks)
        self.reached = frozenset(check.name for check in self.checks if check.threshold)
        self.walled: list[Job] = []
        self.without: list[Job] = []
        self.trusted: list[Job] = []
        self.salted: list[str] = []  # the written answers that are tried with `salts`, too
        self._add_right_and_empty(read_salt(course))
        self._add_written()
        self.trusted += self._composed()

    def narrowed(self, one: Job, results: Mapping[str, Result]) -> Job:
        """A written answer is tried in the checks that need its functions, those that fail without
        them.

        The others do not call them, or see a stand-in once they have failed their own check,
        whatever the mistake: the first one of each function is tried in all of them. What ends in a
        threshold takes long: a mistake is tried there only when it passes everything else.
        """
        asked = self._needing(one.submission, results)
        if asked is None:
            return one
        answer = self.written[one.submission]
        if isinstance(answer, Mistake):
            if answer is self.first[answer.function]:
                return one
            backward = answer.function.removesuffix("_forward") + "_backward"
            asked |= self.checks_of(answer.function) | self.checks_of(backward)
            if one.submission not in results:
                asked -= self.reached
        return replace(one, checks=asked)

    def passing(self, results: Mapping[str, Result]) -> list[Job]:
        """The mistakes that have passed all checks they were tried in."""
        return [
            one
            for one in self.trusted
            if isinstance(self.written.get(one.submission), Mistake)
            and not results[one.submission].lost
        ]

    def trials(self, results: Mapping[str, Result]) -> Iterator[tuple[str, list[Trial]]]:
        """The further salts, and what is tried with each: a mistake in its function's own checks;
        with every RARELY-th an alternative too, in those that need its functions."""
        trials = list(self._trials(results))
        wrong = [trial for trial in trials if isinstance(self.written[trial.name], Mistake)]
        for at, salt in enumerate(self.salts):
            yield salt, wrong if at % RARELY else trials

    def _trials(self, results: Mapping[str, Result]) -> Iterator[Trial]:
        for name in self.salted:
            answer = self.written[name]
            right = isinstance(answer, Alternative)
            if isinstance(answer, Mistake):
                asked, seconds = self.checks_of(answer.function), recorder.SECONDS
            else:
                asked, seconds = self._needing(name, results) or self.every, trusted.SECONDS
            slow = [c.name for c in results[name].checks if c.status is Status.TIMEOUT]
            parts = self.parts[name]
            yield Trial(name, parts, asked, seconds, right=right, endless=frozenset(slow))

    def mutant_trials(self) -> list[Trial]:
        """Each mutant in all checks; what none of them notices is graded to be sure."""
        return [
            Trial(name, {m.function: m.text}, self.every, recorder.SECONDS, m.function)
            for name, m in self.mutants.items()
            if m.function
        ]

    def mutant_jobs(self, noticed: Collection[str]) -> list[Job]:
        """The others, to be graded."""
        left = {name: m for name, m in self.mutants.items() if name not in noticed}
        return [job(self.topic, name, mutant.source) for name, mutant in left.items()]

    def _needing(self, name: str, results: Mapping[str, Result]) -> frozenset[str] | None:
        """The checks that need a function of a written answer; None where it has none."""
        functions = [n for n in self.parts.get(name, ()) if f"without-{n}" in results]
        if name not in self.written or not functions:
            return None
        return frozenset[str]().union(*(needs(results[f"without-{n}"]) for n in functions))

    def checks_of(self, function: str) -> frozenset[str]:
        """The names of a function's own checks."""
        return frozenset(check.name for check in self.checks if check.function == function)

    def _add_right_and_empty(self, secret: str) -> None:
        solution = self.solution
        self.walled += [
            job(self.topic, "solution", solution.text),
            job(self.topic, f"salt-{COURSE}", solution.text, salt=secret),
            job(self.topic, "stub", solution.stub()),
        ]
        self.without += [
            job(self.topic, f"without-{name}", solution.without(name)) for name in solution.parts()
        ]
        # What else the solution passes with a salt, the trials of the other answers ask.
        self.trusted += [
            job(self.topic, f"salt-{salt}", solution.text, salt=salt, checks=self.reached)
            for salt in self.salts
            if self.reached
        ]

    def _add_written(self) -> None:
        for name, answer in self.written.items():
            one = job(self.topic, name, self.reference.composed(self.parts[name]))
            harmless = self._is_harmless(name)
            if harmless:
                self.salted.append(name)
            # One mistake of a topic: what the walls change is not the verdict.
            walled = not harmless or isinstance(answer, Alternative) or name == "mistake-0"
            (self.walled if walled else self.trusted).append(one)

    def _is_harmless(self, name: str) -> bool:
        """Whether an answer needs no walls: it does not end its process, and no forbidden name is
        what is wrong with it."""
        answer, forbid = self.written[name], self.topic.forbid
        if isinstance(answer, Mistake) and not answer.says and not answer.edits:
            return False
        words = {word.rpartition(".")[2] for word in forbid}
        if not any(word in text for text in self.parts[name].values() for word in words):
            return True
        tree = ast.parse(self.reference.composed(self.parts[name]))
        return not (set(policy.inspect([(tree, "")], forbid)[0]) & set(self.parts[name]))

    def _composed(self) -> Iterator[Job]:
        for function in self.solution.parts():
            text = f"def {function}(*args, **options):\n    raise ValueError"
            source = self.solution.replaced({function: text}, above=[])
            yield job(self.topic, f"raising-{function}", source, checks=self.checks_of(function))
        for n, (function, _, changed) in enumerate(self.pairs):
            text = self.reference.composed(changed)
            yield job(self.topic, f"pair-{n}", text, checks=self.checks_of(function))
        for n, (function, _, text) in enumerate(self.pasted):
            yield job(self.topic, f"pasted-{n}", text, checks=self.checks_of(function))


def job(topic: Topic, name: str, source: str, **rest: Any) -> Job:
    """`source` to be graded under a name; `rest` are Job's other fields."""
    return Job(name, f"{topic.id}.py", source.encode(), **rest)


def needs(result: Result) -> frozenset[str]:
    """The checks that need a function, by a result without it: those that lose points."""
    return frozenset(check.name for check in result.lost)
