"""How many times as long as the solution may a submission compute?

    python benchmarks/room.py [TOPIC ...]

Runs the solution through each check, in this process, and sets its processor time, with what the
check itself computes, beside the topic's limits. Goal: 20 times, so that a loop over the examples
is slow and not wrong.
"""

import sys
import time
from pathlib import Path

from gradus.checks.session import collect
from gradus.course import load_course
from gradus.mistakes.perform import given, one_thread, perform
from gradus.mistakes.prepare import sources_of
from gradus.mistakes.reference import Reference

ROOT = Path(__file__).resolve().parent.parent


def costs(course, topic):
    """Seconds by the check's name, the shorter of two runs: the first may import something."""
    sources = sources_of(course, topic)
    names = Reference(sources.solution).namespace({})
    found = {}

    def cost(item):
        started = time.process_time()
        perform(item.name, given(item.obj), names, sources, "room", 600.0)
        return time.process_time() - started

    with one_thread():
        collect(
            sources.test_file,
            lambda items: found.update({i.name: min(cost(i), cost(i)) for i in items}),
        )
    return found


def main():
    course = load_course(ROOT / "course.yaml")
    for topic in course.select(sys.argv[1:]):
        found, limits = costs(course, topic), topic.limits
        slowest = max(found, key=found.get)
        print(
            f"{topic.id:24} {limits.check_seconds / found[slowest]:6.0f} times in {slowest}, "
            f"{limits.submission_seconds / sum(found.values()):6.0f} times in all"
        )


if __name__ == "__main__":
    main()
