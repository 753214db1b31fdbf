"""What a grader needs of a topic and no student may see; the same in every tool's bundle."""

from __future__ import annotations

from gradus.course import Course, Topic, read_salt
from gradus.digests import recording_file
from gradus.mistakes.prepare import prepare


def hidden_files(course: Course, topic: Topic) -> dict[str, bytes]:
    """hidden_tests/ of one topic by name: the tests, the salt, and the recorded mistakes."""
    test_file, salt = course.test_file(topic), read_salt(course)
    recording = recording_file(test_file, salt)
    return {
        f"hidden_tests/{test_file.name}": test_file.read_bytes(),
        "hidden_tests/.salt": f"{salt}\n".encode(),
        f"hidden_tests/{recording.parent.name}/{recording.name}": prepare(
            course, topic, salt
        ).packed(),
    }
