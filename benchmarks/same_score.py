"""Does the same file get the same score, whatever else the machine does?

    python benchmarks/same_score.py mlp [--rounds 30] [--submissions 40] [--load 8] [--half]
                                    [--check-seconds 1]

Grades wrong, right and slow answers of a topic again and again: `--load` starts so many processes
that compute all the time, `--half` grades in a control group of half a core and 512 MB (as root,
where there is one), `--check-seconds` sets a limit shorter than the topic's, which is harder to
keep to and sooner measured. Goal: one score, status and message for each submission.
"""

import argparse
import contextlib
import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

from rich.console import Console
from rich.progress import track

from gradus.course import load_course, read_salt
from gradus.grading.pool import Pool
from gradus.jobs import Job
from gradus.mistakes.prepare import prepare, sources_of
from gradus.mistakes.reference import Reference
from gradus.sandbox.levels import best_level

ROOT = Path(__file__).resolve().parent.parent
SLOW = """

import time


def {function}(*args, _right={function}, **options):
    until = time.process_time() + {seconds}
    while time.process_time() < until:
        pass
    return _right(*args, **options)
"""


def answers(course, topic, count):
    """Right and slow ones, and mistakes spread over the topic, by name."""
    sources = sources_of(course, topic)
    reference = Reference(sources.solution)
    chosen = {"solution": sources.solution}
    function = next(iter(sources.functions))
    limit = topic.limits.check_seconds
    for share in (0.01, 0.05, 0.5, 2):  # of a check's time, in every call
        text = SLOW.format(function=function, seconds=share * limit)
        chosen[f"slow {share:g}"] = sources.solution + text
    mistakes = sources.mistakes.mistakes
    wanted = count - len(chosen)
    for mistake in mistakes[:: max(1, len(mistakes) // wanted)][:wanted]:
        chosen[f"{mistake.function}: {mistake.name}"] = reference.composed(reference.parts(mistake))
    return chosen


@contextlib.contextmanager
def loaded(processes):
    """Other work on the machine."""
    busy = [subprocess.Popen([sys.executable, "-c", "while 1: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def halve():
    """This process and what it starts have half a core and 512 MB from now on."""
    top, name = Path("/sys/fs/cgroup"), "gradus-same-score"
    memory = str(512 << 20)
    if (top / "cgroup.controllers").exists():
        limits = {top / name: {"memory.max": memory, "cpu.max": "50000 100000"}}
    else:
        cpu = {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"}
        limits = {
            top / "cpu" / name: cpu,
            top / "memory" / name: {"memory.limit_in_bytes": memory},
        }
    for group, values in limits.items():
        group.mkdir(exist_ok=True)
        for file, value in values.items():
            (group / file).write_text(value)
        (group / "cgroup.procs").write_text(str(os.getpid()))


def seen(result):
    return (
        result.score,
        result.status,
        result.message,
        tuple((c.name, c.points, c.status, c.message) for c in result.checks),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("topic")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--submissions", type=int, default=40)
    parser.add_argument("--load", type=int, default=0)
    parser.add_argument("--half", action="store_true")
    parser.add_argument("--check-seconds", type=float)
    options = parser.parse_args()
    course = load_course(ROOT / "course.yaml")
    topic = course.topic(options.topic)
    if options.check_seconds:
        limits = topic.limits.model_copy(update={"check_seconds": options.check_seconds})
        topic = topic.model_copy(update={"limits": limits})
    salt = read_salt(course)
    prepare(course, topic, salt)
    chosen = answers(course, topic, options.submissions)
    jobs = [
        Job(f"{name} / {n}", f"{topic.id}.py", source.encode())
        for n in range(options.rounds)
        for name, source in chosen.items()
    ]
    if options.half:
        halve()
    found = defaultdict(Counter)
    with loaded(options.load):
        pool = Pool(
            topic, course.test_file(topic), judges=1, level=best_level(), device="cpu", salt=salt
        )
        with contextlib.closing(pool):
            for job, result in track(pool.run(jobs), "grading", total=len(jobs)):
                found[job.submission.rpartition(" / ")[0]][seen(result)] += 1
    console = Console()
    for name, results in found.items():
        if len(results) > 1:
            console.print(f"{name}: {[(r[0], n) for r, n in results.items()]}", markup=False)
    same = sum(len(results) == 1 for results in found.values())
    console.print(f"{same} of {len(found)} submissions: one result in {options.rounds} gradings")


if __name__ == "__main__":
    main()
