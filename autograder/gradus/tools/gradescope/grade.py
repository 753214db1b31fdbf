"""Gradescope: one submission in /autograder -> /autograder/results/results.json.

`python -m gradus.tools.gradescope.grade /autograder` is what a bundle's run_autograder calls. A
results file that says "grading did not finish" is there before, and stands if this fails.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from textwrap import indent
from typing import Any

from gradus.course import Topic
from gradus.files import write_whole
from gradus.inbox.found import Found, Unreadable, printable
from gradus.inbox.pieces import few
from gradus.jobs import Job
from gradus.rendering import block
from gradus.results import CheckResult, Result, SubmissionStatus
from gradus.sandbox.launcher import Launcher


def main() -> None:
    """Grade what was handed in; raises what is not the submission's fault."""
    root = Path(sys.argv[1])
    source = root / "source"
    topic = Topic.model_validate_json((source / "topic.json").read_bytes())
    about = when_handed_in(root / "submission_metadata.json")
    try:
        found, note = find_submission(root / "submission", topic.id)
        result = _grade(root, topic, found)
        result = result.model_copy(update={"notes": [*result.notes, *note]})
    except Unreadable as error:
        ungraded = Result.model_validate_json((source / "ungraded.json").read_bytes())
        result = ungraded.model_copy(update={"message": str(error)})
    write_whole(root / "results" / "results.json", results_json(result, topic, about))
    for check in result.checks:  # for instructors alone: Gradescope keeps it beside the result
        print(f"{check.name}: {check.status}, {check.points:g} of {check.max_points:g}")
        print(indent(check.output, "    "), end="\n" if check.output else "")  # no line like ours


def find_submission(folder: Path, topic: str) -> tuple[Found, list[str]]:
    """T.py or T.ipynb in `folder`, or else one level down, and what is to be said of it.

    Raises Unreadable, which says what was expected and what is there instead.
    """
    names = (f"{topic}.py", f"{topic}.ipynb")
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    inner = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    places = ((), *((name,) for name in inner if not name.startswith((".", "__"))))
    found = ((*at, name) for at in places for name in names)
    there = [parts for parts in found if _is_there(folder.joinpath(*parts))]
    if there:
        there.sort(key=lambda parts: folder.joinpath(*parts).is_symlink())  # which is refused
        first, *others = (printable("/".join(parts)) for parts in there)
        told = [f"{first} was graded, {few(others)} was not: hand in one."] if others else []
        return Found(topic, folder, there[0]), told
    some = sorted(printable(str(path.relative_to(folder))) for path in islice(_files(folder), 1000))
    shown = few(some) or "nothing"
    raise Unreadable(f"expected a file called {names[0]} or {names[1]}, found: {shown}")


def _is_there(path: Path) -> bool:
    """A file, or a link: what is there where it leads is nobody's business."""
    return path.is_symlink() or path.is_file()


def _files(folder: Path) -> Iterator[Path]:
    for at, inner, files in os.walk(folder):
        links = (name for name in inner if os.path.islink(os.path.join(at, name)))
        yield from (Path(at, name) for name in (*links, *files))


def when_handed_in(file: Path) -> list[str]:
    """Which attempt it is and how late, in a line each, from submission_metadata.json."""
    lines = []
    try:
        data = json.loads(file.read_bytes())
        attempt = len(data["previous_submissions"]) + 1
        lines.append(f"Attempt {attempt}." if attempt > 1 else "First attempt.")
        # Of a group, or of one with an extension, the latest date counts.
        people = [user.get("assignment", {}).get("due_date") for user in data["users"]]
        dates = [date for date in people if date] or [data["assignment"]["due_date"]]
        due = max(datetime.fromisoformat(date) for date in dates)
        late = datetime.fromisoformat(data["created_at"]) - due
        if late > timedelta(0):
            lines.append(f"Handed in late: {_duration(late)} after the due date.")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # no such file, no due date, or another form of it: grading goes on
    return lines


def results_json(result: Result, topic: Topic, about: Sequence[str] = ()) -> bytes:
    """The file that Gradescope reads; what students may see of it is up to each check's mark.

    `about` are lines of plain text to show above the checks.
    """
    lines = [_plain(line) for line in (*about, *result.notes)]
    if result.status is not SubmissionStatus.GRADED:
        lines.insert(0, block(result.message))
    data = {
        "execution_time": round(result.seconds, 2),
        "output": "\n\n".join(lines),
        "output_format": "md",
        "test_output_format": "md",
        "stdout_visibility": "hidden",
        "tests": [_test(check, result) for check in result.checks],
        "leaderboard": _leaderboard(result, topic),
        "extra_data": {
            "status": result.status,
            "isolation": result.isolation,
            "sha256": result.sha256,
            "tests": result.tests,
            "environment": result.environment,
        },
    }
    return json.dumps(data, indent=1, allow_nan=False).encode()


def _grade(root: Path, topic: Topic, found: Found) -> Result:
    source = found.read()
    closed = [root / name for name in ("source", "results", "submission")]
    closed.append(root / "submission_metadata.json")
    with Launcher("user", topic.limits, forbid_read=closed, forbid=topic.forbid) as launcher:
        launcher.prestart()  # both import torch for seconds: at the same time
        from gradus.checks.session import run_session

        results: list[Result] = []
        run_session(
            root / "source" / "hidden_tests" / f"test_{topic.id}.py",
            topic,
            [Job("submission", found.filename, source)],
            lambda job, result: results.append(result),
            launcher=launcher,
            salt=(root / "source" / "hidden_tests" / ".salt").read_text().strip(),
        )
    return results[0]


def _test(check: CheckResult, result: Result) -> dict[str, Any]:
    parts = []
    if result.status is SubmissionStatus.GRADED:  # else it says the same above all checks
        if check.location and check.points < check.max_points:
            parts.append(f"`{_plain(check.location)}`")
        if check.message:
            parts.append(block(check.message))
        if check.shown_output:
            parts += ["Printed while this check ran:", block(check.shown_output)]
    return {
        "name": f"{check.function}: {check.title}",
        "score": check.points,
        "max_score": check.max_points,
        "status": "passed" if check.points >= check.max_points else "failed",
        "output": "\n\n".join(parts),
        "output_format": "md",
        "visibility": check.visibility,
        "tags": [check.function, str(check.status), "public" if check.public else "not public"],
        "extra_data": {
            "check": check.name,
            "diagnosis": check.diagnosis,
            "execution_time": check.seconds,
        },
    }


def _leaderboard(result: Result, topic: Topic) -> list[dict[str, Any]]:
    """What the topic sets a threshold for, 0 where it was not reached; nothing of hidden checks."""
    names = sorted({name for data in topic.thresholds.values() for name in data})
    measured: dict[str, float] = {}
    for check in result.checks:
        if check.visibility == "visible":
            measured |= {n: v for n, v in check.metrics.items() if math.isfinite(v)}
    return [{"name": name, "value": measured.get(name, 0.0), "order": "desc"} for name in names]


def _plain(text: str) -> str:
    """One line in which nothing is Markdown or HTML, nor an address that would become a link."""
    line = "".join(c if c.isprintable() else " " for c in text)
    line = re.sub(r"(?i)://|\bwww\.", " ", line)
    return re.sub(r"[\\`*{}\[\]<>#|~&]|(?<!\w)_+|_+(?!\w)", "", line)  # a_b is no emphasis


def _duration(time: timedelta) -> str:
    """In the two largest units: "1 d 2 h", "3 h 20 min"; at least a minute."""
    minutes = max(1, round(time.total_seconds() / 60))
    days, hours = divmod(minutes // 60, 24)
    units = [(days, "d"), (hours, "h"), (minutes % 60, "min")]
    first = next(i for i, (number, _) in enumerate(units) if number)
    return " ".join(f"{number} {unit}" for number, unit in units[first : first + 2] if number)


if __name__ == "__main__":
    main()
