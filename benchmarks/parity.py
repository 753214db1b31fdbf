"""Do all engines give the same scores? `benchmarks/parity.py [TOPIC...] [--otter [N]] [--stock]`

Every case of every topic (stub, solution, mistakes, alternatives) is graded by `gradus grade`'s own
pool and by nbgrader with Gradus's step; with --otter also by otter with the plugin (10 s each; N:
so many cases, spread evenly over the list), with --stock four cases of each topic by stock
nbgrader and stock otter (20 s each). Scores must agree to the last point. Prints a table, and each
disagreement.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator, Mapping

from rich.console import Console
from rich.table import Table

from gradus.checks.session import list_checks
from gradus.course import Course, Topic, find_course, load_course, read_salt
from gradus.grading.pool import run_jobs
from gradus.jobs import Job
from gradus.mistakes.prepare import prepare, sources_of
from gradus.mistakes.reference import Reference
from gradus.release.student import student_files
from gradus.results import Result
from gradus.sandbox.levels import best_level
from gradus.solution import Solution
from gradus.tools.nbgrader.bundle import nbgrader_files
from gradus.tools.nbgrader.grade import nbgrader_runs
from gradus.tools.otter.bundle import otter_files
from gradus.tools.otter.grade import otter_runs, run_otter

Scores = Mapping[str, float | None]


def jobs_of(course: Course, topic: Topic) -> list[Job]:
    """Every alternative and mistake as a submission."""
    sources = sources_of(course, topic)
    solution, reference = sources.solution, Reference(sources.solution)
    written = sources.mistakes
    texts = {"stub": Solution(solution).stub(), "solution": solution}
    texts |= {a.title: reference.composed(reference.parts(a)) for a in written.alternatives}
    texts |= {m.where: reference.composed(reference.parts(m)) for m in written.mistakes}
    return [
        Job(f"{n}: {name}", f"{topic.id}.py", text.encode())
        for n, (name, text) in enumerate(texts.items())
    ]


def score(outcome: object) -> float | None:
    return outcome.score if isinstance(outcome, Result) else None


def all_scores(
    course: Course, topic: Topic, otter: int | None, stock: bool
) -> Iterator[tuple[str, Scores]]:
    """The scores of each engine, by case; gradus comes first."""
    jobs = jobs_of(course, topic)
    some = [*jobs[:3], jobs[-1]]  # stub, solution, an alternative, a mistake
    test_file = course.test_file(topic)
    checks = list_checks(test_file)
    given = student_files(course, topic, checks)
    salt = read_salt(course)
    prepare(course, topic, salt)  # as `gradus grade` does: what is known decides some points
    own = run_jobs(topic, test_file, jobs, judges=2, level=best_level(), salt=salt)
    yield "gradus", {job.submission: score(result) for job, result in own}
    files = nbgrader_files(course, topic, checks, given)
    yield "nbgrader", _by_case((j, s) for j, s, _ in nbgrader_runs(topic.id, files, jobs))
    if otter is not None:
        spread = jobs[:: max(1, len(jobs) // otter)] if otter else jobs
        archive = otter_files(course, topic, checks, given)[f"{topic.id}.zip"]
        yield "otter", _by_case((j, score(r)) for j, r in run_otter(archive, spread, 2))
    if stock:
        files = nbgrader_files(course, topic, checks, given, sandbox=False)
        yield "stock nbgrader", _by_case((j, s) for j, s, _ in nbgrader_runs(topic.id, files, some))
        archive = otter_files(course, topic, checks, given, plugin=False)[f"{topic.id}.zip"]
        runs = otter_runs(archive, some, 2)
        yield (
            "stock otter",
            _by_case((j, None if isinstance(o, str) else sum(o[0].values())) for j, o in runs),
        )


def _by_case(pairs: Iterable[tuple[Job, float | None]]) -> Scores:
    return {job.submission: points for job, points in pairs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("topics", nargs="*")
    parser.add_argument("--otter", type=int, nargs="?", const=0, metavar="N")
    parser.add_argument("--stock", action="store_true")
    arguments = parser.parse_args()
    course = load_course(find_course())
    engines = ["nbgrader"]
    engines += ["otter"] if arguments.otter is not None else []
    engines += ["stock nbgrader", "stock otter"] if arguments.stock else []
    table = Table("topic", *(f"{engine} = gradus" for engine in engines), "seconds", box=None)
    console = Console(width=120)
    for topic in course.select(arguments.topics):
        started = time.perf_counter()
        row = []
        found = all_scores(course, topic, arguments.otter, arguments.stock)
        _, own = next(found)
        for engine, scores in found:
            same = 0
            for case, points in scores.items():
                if points is not None and own[case] is not None and abs(points - own[case]) < 1e-6:
                    same += 1
                else:
                    console.print(f"{topic.id}: {case}: gradus {own[case]}, {engine} {points}")
            row.append(f"{same} of {len(scores)}")
        table.add_row(topic.id, *row, f"{time.perf_counter() - started:.0f}")
        console.print(" · ".join([topic.id, *row]))
    console.print(table)


if __name__ == "__main__":
    main()
