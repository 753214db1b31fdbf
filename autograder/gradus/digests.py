"""What a result and a recording depend on, as digests; and where a recording lies.

Without torch: whether anything has changed can be told before that is imported.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import gradus
from gradus.course import Course, Topic
from gradus.files import write_whole
from gradus.jobs import CheckInfo
from gradus.solution import Solution


def tests_version(test_file: Path, topic: Topic, salt: str) -> str:
    """A digest of all that a score depends on besides the submission."""
    parts = (test_file.read_bytes(), topic.settings().encode(), salt.encode())
    digest = hashlib.sha256(gradus.__version__.encode())
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:16]


def tests_digest(test_file: Path) -> str:
    """Of a file of tests."""
    return hashlib.sha256(test_file.read_bytes()).hexdigest()[:16]


def recording_file(test_file: Path, salt: str) -> Path:
    """Where the hidden recording for a salt lies: beside the tests, named without the secret."""
    topic = test_file.stem.removeprefix("test_")
    of_salt = hashlib.sha256(f"recording\0{salt}".encode()).hexdigest()[:12]
    return test_file.parent / ".recorded" / f"{topic}-{of_salt}.msgpack"


# What decides what is recorded, beside a topic's own files.
_CODE = (
    *("clock.py", "checks/calls.py", "checks/comparison.py", "checks/data.py"),
    "checks/fingerprint.py",
    *("checks/gradients.py", "checks/judging.py", "checks/leaves.py", "checks/local.py"),
    *("checks/rng.py", "checks/tolerance.py", "checks/training.py"),
    *("checks/many.py", "mistakes/edges.py", "mistakes/many.py", "mistakes/perform.py"),
    *("mistakes/precision.py", "mistakes/recorder.py", "mistakes/rules.py", "mistakes/runs.py"),
    *("mistakes/slips.py", "mistakes/small.py", "mistakes/variants.py"),
)


def sources_digest(course: Course, topic: Topic, salt: str) -> str:
    """Of all that a recording depends on: a topic's files, the salt, and the code that records."""
    digest = hashlib.sha256(f"{salt}\0{topic.settings()}\0".encode())
    digest.update(Solution.read(course.solution(topic)).code().encode())
    code = [Path(gradus.__file__).parent / name for name in _CODE]
    for path in (course.test_file(topic), course.mistakes(topic), *code):
        digest.update(hashlib.sha256(path.read_bytes() if path.exists() else b"").digest())
    return digest.hexdigest()[:16]


def mistakes_digest(course: Course, topic: Topic) -> str:
    """Of what names a mistake, whatever the checks and the salt: the solution and the mistakes."""
    solution, mistakes = course.solution(topic), course.mistakes(topic)
    digest = hashlib.sha256(mistakes.read_bytes() if mistakes.exists() else b"")
    digest.update(b"\0" + (Solution.read(solution).code() if solution.exists() else "").encode())
    return digest.hexdigest()[:16]


def known_checks(course: Course, topic: Topic, salt: str) -> list[CheckInfo] | None:
    """The checks of a topic's tests; None where what is recorded for this salt is not of now."""
    try:
        if not recording_file(course.test_file(topic), salt).is_file():
            return None
        kept = json.loads(_checks_file(course, topic, salt).read_bytes())
        if kept["sources"] != sources_digest(course, topic, salt):
            return None
        return [CheckInfo(**check) for check in kept["checks"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep_checks(course: Course, topic: Topic, salt: str, checks: Sequence[CheckInfo]) -> None:
    """Keep the checks for `known_checks`, beside a recording that has just been looked at."""
    found = {"sources": sources_digest(course, topic, salt), "checks": list(map(asdict, checks))}
    write_whole(_checks_file(course, topic, salt), json.dumps(found).encode())


def _checks_file(course: Course, topic: Topic, salt: str) -> Path:
    return recording_file(course.test_file(topic), salt).with_suffix(".json")
