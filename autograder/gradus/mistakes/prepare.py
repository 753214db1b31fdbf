"""Recordings on disk, made when they are needed and what they depend on has changed."""

from __future__ import annotations

from collections.abc import Callable

from gradus.checks.plugin import PUBLIC_SALT
from gradus.checks.recorded import Recording, public_file, read_recording
from gradus.course import Course, Topic
from gradus.digests import recording_file, sources_digest, tests_digest
from gradus.files import read_text, write_whole
from gradus.mistakes.perform import Sources
from gradus.mistakes.read import Mistakes, read_mistakes
from gradus.mistakes.recorder import calls_of, record_mistakes
from gradus.mistakes.reference import Reference
from gradus.solution import Solution

Advance = Callable[[int, int], None]  # (wrong answers tried, all of them)


def sources_of(course: Course, topic: Topic) -> Sources:
    """A topic's hand-written parts; raises UsageError where one is missing or wrong."""
    path = course.mistakes(topic)
    read_text(course.test_file(topic))  # says what is wrong with it
    solution = Solution.read(course.solution(topic))
    return Sources(
        topic,
        solution.text,
        [function.name for function in solution.functions()],
        read_mistakes(path) if path.exists() else Mistakes(),
        course.test_file(topic),
    )


def prepare(
    course: Course, topic: Topic, salt: str, advance: Advance = lambda done, total: None
) -> Recording:
    """The mistakes recorded for this salt, on disk for the judges; made anew where stale."""
    test_file = course.test_file(topic)
    path, digest = recording_file(test_file, salt), sources_digest(course, topic, salt)
    found = read_recording(path)
    if found is None or found.sources != digest:
        sources = sources_of(course, topic)
        known, unnoticed = record_mistakes(sources, salt, advance=advance)
        calls = calls_of(sources, salt)
        reference = Reference(sources.solution)
        found = Recording(
            digest,
            tests_digest(test_file),
            known,
            unnoticed=unnoticed,
            edges=calls.edges,
            small=calls.small,
            many=calls.many,
            float32=calls.float32,
            parameters=reference.parameters(),
            defaults=reference.defaults(),
            caches=calls.caches,
            uses=reference.uses(sources.mistakes.alternatives),
        )
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_whole(path, found.packed())
    return found


def prepare_public(course: Course, topic: Topic) -> Recording:
    """What students get: the comparisons of the public checks, and the mistakes they know.

    The one in assignments/T stands where nothing that it depends on has changed.
    """
    digest = sources_digest(course, topic, PUBLIC_SALT)
    found = read_recording(public_file(course.public_test_file(topic)))
    if found is not None and found.sources == digest:
        return found
    sources = sources_of(course, topic)
    known, _ = record_mistakes(sources, PUBLIC_SALT, public_only=True)
    calls = calls_of(sources, PUBLIC_SALT, public_only=True)
    return Recording(
        digest,
        tests_digest(course.test_file(topic)),
        known,
        calls.comparisons,
        edges=calls.edges,
        small=calls.small,
        many=calls.many,
        float32=calls.float32,
        defaults=Reference(sources.solution).defaults(),
    )
