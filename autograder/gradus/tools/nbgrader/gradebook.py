"""`gradus export --to nbgrader`: results -> an nbgrader gradebook, new or one that is in use."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gradus.course import Topic, UsageError
from gradus.distribution import require
from gradus.results import Result, by_function


def export_gradebook(results: Sequence[Result], topic: Topic, database: str) -> str:
    """Write the results into the gradebook at `database`, a file's path or a SQLAlchemy URL.

    A topic is an assignment of one notebook, a function a test cell of it, as in dist/nbgrader. A
    student goes by the name that the download gives, or else the submission's. Scores that somebody
    gave by hand in it stay; what adjusted.csv adds or takes is in the first cell. Returns what was
    done, in one line. Raises UsageError.
    """
    require("nbgrader")
    from nbgrader.api import Gradebook, InvalidEntry, MissingEntry
    from sqlalchemy.exc import SAWarning, SQLAlchemyError

    os.environ.update(environment())
    warnings.simplefilter("ignore", SAWarning)  # of nbgrader's own making, on stderr
    url = database if "://" in database else f"sqlite:///{database}"
    names = topic.id, topic.id  # of the notebook and of the assignment
    students = set()
    try:
        with Gradebook(url) as gradebook:
            gradebook.update_or_create_assignment(topic.id)
            gradebook.update_or_create_notebook(*names)
            for function, (_, possible) in by_function(results[0].checks).items():
                gradebook.update_or_create_grade_cell(
                    function, *names, max_score=possible, cell_type="code"
                )
            for student, result in _each(results):
                students.add(student)
                gradebook.update_or_create_student(student)
                when = {"timestamp": at} if (at := _utc(result.handed_in.at)) else {}
                gradebook.update_or_create_submission(topic.id, student, **when)
                by_hand = result.score - result.graded
                for function, (points, _) in by_function(result.checks).items():
                    grade = gradebook.find_grade(function, *names, student)
                    grade.auto_score, by_hand = points + by_hand, 0
                    grade.needs_manual_grade = grade.manual_score is not None
            gradebook.db.commit()
    except (SQLAlchemyError, InvalidEntry, MissingEntry, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(f"cannot write the gradebook {database}: {reason}") from None
    return f"{len(students)} students, {topic.id}: {database}"


def environment() -> dict[str, str]:
    """For nbgrader, which calls alembic by its name: it lies beside this Python; in UTF-8."""
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    return {**os.environ, "PATH": os.pathsep.join(folders), "PYTHONUTF8": "1"}


def _each(results: Sequence[Result]) -> Iterator[tuple[str, Result]]:
    for result in results:
        people = [person.id or person.sid or person.email for person in result.handed_in.people]
        for student in people or [result.submission]:
            yield student or result.submission, result


def _utc(at: str) -> datetime | None:
    """nbgrader keeps times of day in UTC, and without saying so."""
    if not at:
        return None
    moment = datetime.fromisoformat(at)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
