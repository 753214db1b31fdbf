"""Grading as another tool asks for it: one submission at a time, on a judge that stays warm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gradus.course import Course, Topic, read_salt
from gradus.grading.pool import Pool
from gradus.inbox.found import Found, Unreadable
from gradus.jobs import Job
from gradus.results import Result
from gradus.sandbox.levels import choose_level


class OneByOne:
    """A judge of one topic, at the strongest isolation of this machine.

    Raises UsageError when that is less than the course accepts. End it with `close`.
    """

    def __init__(
        self, course: Course, topic: Topic, test_file: Path, forbid_read: Sequence[Path] = ()
    ) -> None:
        self._topic, self._test_file = topic, test_file
        self._salt = read_salt(course)
        self._level = choose_level(course.isolation)
        self._pool = Pool(
            topic,
            test_file,
            judges=1,
            level=self._level,
            salt=self._salt,
            forbid_read=forbid_read,
        )

    def grade(self, file: Path) -> Result:
        """The result of `file`, read safely; RuntimeError when the judge fails."""
        from gradus.checks.session import list_checks
        from gradus.grading.grade import Conditions, unreadable

        found = Found(self._topic.id, file.parent, (file.name,))
        try:
            return self.grade_source(found.read(), found.filename, found.name)
        except Unreadable as error:
            checks = list_checks(self._test_file)
            conditions = Conditions(self._topic, self._test_file, checks, self._salt, self._level)
            return unreadable(found, str(error), conditions, conditions.version)

    def grade_source(self, source: bytes, filename: str, name: str) -> Result:
        """The result of the submission `name`; RuntimeError when the judge fails."""
        return self._pool.run_one(Job(name, filename, source))

    def close(self) -> None:
        """End the judge."""
        self._pool.close()
