"""The command line: a thin shell, which imports nothing heavy before it is needed."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradus import __version__
from gradus.terminal import make_printable

if TYPE_CHECKING:
    from datetime import datetime

    from gradus.course import Course

PATH = click.Path(path_type=Path)
PAGE = click.Path(path_type=Path, dir_okay=False)  # asked before minutes are spent on it
WORKERS = click.option(
    "--workers", type=click.IntRange(min=1), help="Processes that grade; default: one a core."
)
# What a disk or a folder may be that a command reads or writes, wherever that is noticed.
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EISDIR}


def main() -> None:
    """Run a command. Exits 2 on wrong usage, or where a file cannot be read or written, and 130
    when interrupted, each with one line."""
    make_printable()
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        click.echo("stopped", err=True)
        code = 130
    except BrokenPipeError:  # who reads has read enough: `gradus list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to write
        code = 1
    except Exception as error:
        from gradus.course import UsageError, shown

        if isinstance(error, OSError) and error.filename:
            name = shown(Path(os.fsdecode(error.filename)))
            error = UsageError(f"cannot read or write {name}: {error.strerror}")
        elif isinstance(error, OSError) and error.errno in _OF_THE_DISK:
            error = UsageError(error.strerror)
        if not isinstance(error, UsageError):
            raise  # a bug: its traceback is what we want to see
        click.echo(str(error), err=True)
        code = 2
    sys.exit(code)


def _course() -> Course:
    from gradus.course import find_course, load_course

    return load_course(find_course())


def _sorted_out(words: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The submissions among the words of a command, and the others."""
    paths = [word for word in words if word.endswith((".py", ".ipynb"))]
    return paths, [word for word in words if word not in paths]


@click.group()
@click.version_option(__version__, prog_name="gradus")
def cli() -> None:
    """A deep-learning course that grades itself.

    \b
    Students:     gradus list, gradus check mlp, gradus hint mlp relu_backward, gradus show mlp
    Instructors:  gradus build, gradus grade mlp submissions/, gradus report results/mlp,
                  gradus compare results/mlp, gradus export results/mlp --to csv,
                  gradus new layernorm, gradus audit
    Anyone:       gradus doctor, gradus demo
    """


@cli.command("list")
def list_() -> None:
    """Show the topics and my progress."""
    from gradus.commands.topics import topics

    topics(_course())


@cli.command()
@click.argument("topic")
@click.argument("words", nargs=-1, metavar="[FUNCTION] [PATH]")
@click.option("--watch", is_flag=True, help="Check again whenever the file is saved.")
def check(topic: str, words: tuple[str, ...], watch: bool) -> int:
    """Say what works, what does not, and why.

    With FUNCTION, of that function alone, and show a call that goes wrong: what went in, yours
    and what was expected. PATH (.py or .ipynb) is the file to check; without it, the topic's own
    file in the assignment's folder.

    \b
    Examples:
      gradus check mlp
      gradus check mlp relu_backward
      gradus check mlp my_notebook.ipynb --watch
    """
    from gradus.commands.check import check

    paths, functions = _sorted_out(words)
    if len(paths) > 1 or len(functions) > 1:
        raise click.UsageError("one FUNCTION and one PATH at most")
    path = Path(paths[0]) if paths else None
    return check(topic, path, watch, functions[0] if functions else None)


@cli.command()
@click.argument("topic")
@click.argument("words", nargs=-1, metavar="[experiment] [PATH]")
@click.option("--html", type=PAGE, help="Write it as a page, which opens without a network.")
@click.option(
    "--data",
    type=click.Choice(["digits", "mnist"]),
    default="digits",
    show_default=True,
    help="For topics that learn from images: `gradus data mnist` fetches the larger set.",
)
def show(topic: str, words: tuple[str, ...], html: Path | None, data: str) -> None:
    """Draw the topic's figure with my own functions, or run its experiment.

    PATH (.py or .ipynb) is the file with the functions; without it, the topic's own file in the
    assignment's folder.

    \b
    Examples:
      gradus show mlp
      gradus show mlp experiment       first write down what you expect
      gradus show mlp --html mlp.html
      gradus show mlp --data mnist
    """
    from gradus.commands.show import show

    paths, views = _sorted_out(words)
    if len(paths) > 1 or len(views) > 1 or set(views) - {"figure", "experiment"}:
        raise click.UsageError("`experiment`, and one PATH, is all that may follow the topic")
    view = views[0] if views else "figure"
    show(_course(), topic, Path(paths[0]) if paths else None, view, html, data)


@cli.command()
@click.argument("topic")
@click.argument("function", required=False)
@click.option("--all", "everything", is_flag=True, help="All of them, and nothing is remembered.")
def hint(topic: str, function: str | None, everything: bool) -> None:
    """A hint for a function, then a larger one: the shapes, the formula, the steps in words.

    The file that is handed in says which were used; no points depend on it.

    \b
    Examples:
      gradus hint mlp relu_backward
      gradus hint mlp                  what I have used
    """
    from gradus.commands.hint import hint

    hint(_course(), topic, function, everything)


@cli.command()
@click.argument("name", type=click.Choice(["mnist"]))
def data(name: str) -> None:
    """Fetch a data set for `gradus show --data`, or find it in the folder GRADUS_DATA."""
    from gradus.commands.data import data

    data(name)


@cli.command()
@click.argument("topic")
def new(topic: str) -> int:
    """Write the files of a new topic, with a small example that passes the audit.

    \b
    Example:
      gradus new layernorm     solutions/layernorm.py, its checks, its mistakes, its entry
    """
    from gradus.commands.new import new

    return new(_course(), topic)


@cli.command()
@click.argument("topics", nargs=-1, metavar="[TOPIC]...")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 and name what is stale.")
@click.option(
    "--target",
    "targets",
    multiple=True,
    type=click.Choice(
        ["student", "otter", "nbgrader", "gradescope"]
    ),  # the keys of gradus.release.build.TARGETS
    help="What to make in dist/; default: everything that can be made here.",
)
def build(topics: tuple[str, ...], check: bool, targets: tuple[str, ...]) -> int:
    """Make assignments/ and dist/ from solutions, tests and course.yaml.

    \b
    Examples:
      gradus build                     all topics
      gradus build mlp --target student
      gradus build --target nbgrader   a course directory in dist/nbgrader
      gradus build --check             is assignments/ up to date?
    """
    from gradus.commands.build import build

    return build(_course(), topics, targets, check=check)


@cli.command()
@click.argument("topic")
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@click.option(
    "--out", type=PATH, default=Path("results"), show_default=True, help="Results folder."
)
@click.option("--jsonl", is_flag=True, help="Print each result as one line of JSON.")
@WORKERS
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--force", is_flag=True, help="Grade again what has not changed.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds for one check, in place of course.yaml's.",
)
@click.option(
    "--isolation",
    type=click.Choice(["process", "user", "namespaces"]),
    help="Level to run at; default: this machine's strongest.",
)
@click.option(
    "--due",
    type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M%z"]),
    metavar="TIME",
    help="When it was due, say 2026-11-20T23:59: results say how late each was. Scores stay.",
)
@click.option(
    "--engine",
    type=click.Choice(["gradus", "otter", "nbgrader"]),
    default="gradus",
    show_default=True,
    help="What grades: the same scores, otter and nbgrader far more slowly.",
)
def grade(
    topic: str,
    paths: tuple[Path, ...],
    out: Path,
    jsonl: bool,
    workers: int | None,
    device: str,
    force: bool,
    timeout: float | None,
    isolation: str | None,
    due: datetime | None,
    engine: str,
) -> int:
    """Score submissions: .py and .ipynb files, folders of them, downloads of an LMS.

    A PATH may be an export of Gradescope, a bulk download of Canvas or Moodle, nbgrader's
    submitted/, a folder of repositories as GitHub Classroom makes them; as a folder, a zip, a
    tar or a .7z. In a plain one each folder is a student, whatever is in it. Of what one student
    handed in the newest counts.

    Grading again does only what has changed. Exits 1 when a submission has no result.

    \b
    Examples:
      gradus grade mlp submissions/
      gradus grade mlp submissions/ --workers 4 --jsonl > mlp.jsonl
      gradus grade mlp submissions.zip --due 2026-11-20T23:59
    """
    from gradus.commands.grade import grade
    from gradus.distribution import require

    if engine != "gradus":
        require(engine, "instructor")
    return grade(
        _course(),
        topic,
        paths,
        out=out,
        jsonl=jsonl,
        judges=workers,
        device=device,
        force=force,
        timeout=timeout,
        isolation=isolation,
        due=due.astimezone() if due else None,
        engine=engine,
    )


@cli.command()
@click.argument("old", type=PATH, metavar="[OLD]")
@click.argument("new", type=PATH, metavar="RESULTS", required=False)
def compare(old: Path, new: Path | None) -> None:
    """Say whose score a regrading changes, by how much, in which check, and why.

    OLD and RESULTS are folders of one topic's results, or single files of such. Of RESULTS alone,
    each result is compared with the one that it replaced last.

    \b
    Examples:
      gradus compare results/mlp
      gradus compare old/mlp results/mlp
    """
    from gradus.commands.compare import compare

    compare(old, new)


@cli.command()
@click.argument("results", type=PATH)
@click.option(
    "--to",
    required=True,
    # nbgrader, and the keys of gradus.report.export.FORMATS
    type=click.Choice(["csv", "canvas", "gradescope", "nbgrader"]),
    help="Whose: everything as a table, Canvas's or Gradescope's table, nbgrader's database.",
)
@click.option(
    "--out",
    help="File to write; default: standard output. For nbgrader a gradebook.db or a SQLAlchemy URL;"
    " default: course.yaml's.",
)
@click.option("--roster", type=PATH, metavar="FILE", help="The class list, as CSV: names from it.")
@click.option("--mixed", is_flag=True, help="Also results of one topic by different tests.")
@click.option("--withdrawn", is_flag=True, help="Also results of files that are gone.")
def export(
    results: Path, to: str, out: str | None, roster: Path | None, mixed: bool, withdrawn: bool
) -> None:
    """Make a table of results that a gradebook takes, or fill nbgrader's.

    RESULTS is the folder of one topic's results, as `gradus grade` leaves it, or results/ for all
    topics. Where the download that was graded says who handed in (names, numbers, e-mail), so does
    the table; else a class list can.

    \b
    Examples:
      gradus export results/mlp --to csv > mlp.csv
      gradus export results --to canvas --roster class.csv --out canvas.csv
      gradus export results/mlp --to nbgrader --out ../nbgrader/gradebook.db
    """
    from gradus.commands.export import export

    export(_course(), results, to, out, roster, mixed, withdrawn)


@cli.command()
@click.argument("results", type=PATH)
@click.option("--roster", type=PATH, metavar="FILE", help="The class list, as CSV: who is missing?")
@click.option("--html", type=PATH, metavar="DIR", help="Write pages into this folder.")
def report(results: Path, roster: Path | None, html: Path | None) -> None:
    """How a class did: scores, each check, what is best explained again, and who is missing.

    RESULTS is results/TOPIC, or results/ for all topics. The pages open without a network; those
    in DIR/students/ show what students may see of their own, and are fit to hand out.

    \b
    Examples:
      gradus report results/mlp
      gradus report results --roster class.csv --html report
    """
    from gradus.commands.report import report

    report(_course(), results, roster, html)


@cli.command()
@click.argument("topic")
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@click.option("--html", type=PATH, help="Write the closest side by side as a page as well.")
def similar(topic: str, paths: tuple[Path, ...], html: Path | None) -> None:
    """Which submissions are more alike than independent answers are, and in what.

    A PATH is what `gradus grade` takes. What was handed out counts for nothing; names and layout
    make no difference. What two share is measured by what is usual in the class and by the
    course's own right answers: functions of a few lines are alike, whoever writes them.

    \b
    Examples:
      gradus similar mlp submissions/
      gradus similar mlp submissions.zip --html similar.html
    """
    from gradus.commands.similar import similar

    similar(_course(), topic, paths, html)


@cli.command()
@click.argument("topics", nargs=-1, metavar="[TOPIC]...")
@click.option(
    "--salts",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Secrets that every mistake is tried with: more find a verdict that depends on luck.",
)
@WORKERS
@click.option("--html", type=PAGE, help="Write the findings as a page as well.")
@click.option("--mutants/--no-mutants", default=True, help="Try the solution's mutants too.")
@click.option("--only", metavar="TEXT", help="Show what students read in cases with this title.")
@click.option(
    "--operators",
    is_flag=True,
    help="Only list torch's operators that answer a function in one call and may be used: minutes.",
)
def audit(
    topics: tuple[str, ...],
    salts: int,
    workers: int | None,
    html: Path | None,
    mutants: bool,
    only: str | None,
    operators: bool,
) -> int:
    """Do the hidden tests judge rightly?

    Tries the stub, the solution (with many salts), every mistake and alternative of
    hidden_tests/mistakes, and mutants of the solution. Exits 1 when a verdict is wrong.

    \b
    Examples:
      gradus audit mlp
      gradus audit --salts 10 --html audit.html
      gradus audit mlp --salts 200 --no-mutants
      gradus audit mlp --only "bias gradient"
      gradus audit mlp --operators
    """
    from gradus.distribution import require

    course = _course()
    course.select(topics)  # what is wrong with them is said before torch is imported
    require("instructor")

    from gradus.commands.audit import audit, list_operators

    if operators:
        return list_operators(course, topics)
    return audit(
        course,
        topics,
        salts=salts,
        judges=workers,
        html=html,
        mutants=mutants,
        only=only,
    )


@cli.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("dist/site"),
    show_default=True,
    help="Its folder.",
)
@click.option("--quick", is_flag=True, help="Draw the figures at a small size: to see the text.")
def site(out: Path, quick: bool) -> None:
    """Make the course's web site: text, stubs, figures, and a map of the topics.

    No solution is in it, and it needs no network: open index.html, or put the folder on a server.

    \b
    Example:
      gradus site
    """
    from gradus.commands.site import site

    site(_course(), out, quick)


@cli.command()
def doctor() -> None:
    """Say what this machine can do: isolation, GPU, notebooks, otter, nbgrader."""
    from gradus.commands.doctor import doctor

    doctor()


@cli.command()
def demo() -> int:
    """Build, grade a small class and show what everyone gets, in a minute or so."""
    from gradus.distribution import require

    course = _course()
    require("instructor")

    from gradus.commands.demo import demo

    return demo(course)
