"""What README, docs and the students' README print: every command is run as it is printed.

A command is a line of an indented or fenced block that begins with a program's name; it ends where
two spaces or a # begin what is said about it. `-m slow` runs all of them, in environments that pip
makes as the documents say. `make test` asks that none is forgotten, that each is a command of this
Gradus, and that an environment without an extra says which one is missing.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions, packages_distributions
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from gradus.cli import cli
from gradus.distribution import MODULES

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PYPROJECT["optional-dependencies"]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]
BUNDLE = "assignments/mlp/README.md"  # as `gradus build` makes it for every topic

PROGRAMS = {"gradus", "pip", "otter", "nbgrader", "jupyter", "make", "gh", "cp", "cd", "python"}
PROGRAMS |= {"python3", "git", "sudo", "apt", "apt-get", "docker", "conda", "uv", "pipx", "curl"}
PROGRAMS |= {"wget", "mkdir", "mv", "rm", "unzip", "bash", "sh", "source", "npm", "ssh", "pytest"}
RUN = {"gradus", "pip", "otter", "nbgrader", "cp"}
NOT_RUN = {
    "make demo": "makes the environment of the clone that it is in: CI's own first line",
    "make test": "it runs this test",
    "gradus check mlp --watch": "goes on until Ctrl-C: tests/test_check.py",
    "jupyter lab mlp.ipynb": "a server without an end: tests/test_home.py runs the notebook",
    "gh classroom clone student-repos --assignment-id 4711": "GitHub's program, and its network",
}

# What stands for something else: the small course has the topic that `gradus new` writes.
FILLED_IN = {
    r"\bT\b": "mlp",
    r"\bFUNCTION\b|\brelu_backward\b": "scale_backward",
    r"\bSUBMISSION\b": "submissions/ada.py",
}
# What a person does between two commands.
HAND_IN = "mkdir -p submitted/ada/mlp; cp release/mlp/mlp.ipynb submitted/ada/mlp"
BEFORE = {
    "nbgrader autograde mlp": HAND_IN,
    "gradus report results/mlp": "gradus grade mlp submissions/",
    "gradus compare before/mlp results/mlp": "cp -r results before",
}
COURSE = """
title: A small course
isolation: process
nbgrader: {roster: roster.csv}
topics:
  - {id: mlp, title: Multi-layer perceptron, points: 8}
"""


def blocks(text: str) -> Iterator[list[str]]:
    """The commands of each block of a document that has some."""
    fenced = False
    found: list[str] = []
    for line in [*text.splitlines(), "."]:
        fence = line.lstrip().startswith("```")
        fenced ^= fence
        if not fence and (fenced or line.startswith("    ")):
            said = line.strip().removeprefix("$ ")
            if said and said.split()[0] in PROGRAMS:
                found.append(re.split(r"\s{2,}|\s#\s", said)[0])
        elif line.strip() and found:
            yield found
            found = []


def commands(document: str) -> list[str]:
    return [command for block in blocks((ROOT / document).read_text()) for command in block]


def filled_in(command: str) -> str:
    for pattern, text in FILLED_IN.items():
        command = re.sub(pattern, text, command)
    return command


def printed() -> list[tuple[str, str]]:
    return [(d, command) for d in (*DOCUMENTS, BUNDLE) for command in commands(d)]


# ------------------------------------------------------------------------- nothing is forgotten


def test_a_command_is_found_wherever_it_is_printed():
    text = "Text `gradus x`:\n\n    $ gradus list   all\n      git pull # now\n    x = 1\n\nand\n"
    text += "1. first\n\n       sudo rm -r y\n\n```\npip install 'z'\n```\n"
    assert list(blocks(text)) == [
        ["gradus list", "git pull"],
        ["sudo rm -r y"],
        ["pip install 'z'"],
    ]
    assert len(printed()) > 50


def test_every_command_is_run_or_it_is_said_why_not():
    for document, command in printed():
        assert command in NOT_RUN or command.split()[0] in RUN, (
            f"{document}: {command}: the slow test must be able to run it; else say why in NOT_RUN"
        )
    assert NOT_RUN.keys() <= {command for _, command in printed()}
    assert BEFORE.keys() <= {command for _, command in printed()}


def test_every_bundle_prints_the_same():
    of_one = commands(BUNDLE)
    for readme in ROOT.glob("assignments/*/README.md"):
        found = commands(str(readme.relative_to(ROOT)))
        assert [re.sub(rf"\b{readme.parent.name}\b", "mlp", c) for c in found] == of_one


@pytest.mark.parametrize(("document", "command"), printed())
def test_every_command_of_gradus_is_one_that_there_is(document, command):
    """With options and choices that it has, and as many words as it takes."""
    words = shlex.split(filled_in(command))
    if words[0] == "gradus":
        name, *arguments = words[1:]
        cli.commands[name].make_context(name, arguments, parent=click.Context(cli))
    elif words[:2] == ["pip", "install"]:
        wanted = Requirement(re.sub(r"^\.|^\S+\.whl", "gradus-autograder", words[2]))
        assert wanted.extras <= EXTRAS.keys(), document


# ------------------------------------------------------------------------- what the extras bring


def closure(*extras: str) -> dict[str, Distribution]:
    """What pip installs with Gradus and these extras, as far as it is installed here."""
    here = {canonicalize_name(d.metadata["Name"]): d for d in distributions()}
    wanted = [*PYPROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    todo, seen = [Requirement(line) for line in wanted], set()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras}:
            if (name, extra) in seen or name not in here:
                continue
            seen.add((name, extra))
            for needed in map(Requirement, here[name].requires or ()):
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    todo.append(needed)
    return {name: here[name] for name, _ in seen}


@pytest.mark.parametrize("extra", MODULES)
def test_an_extra_brings_what_is_imported(extra):
    brought = closure(extra).keys()
    of_module = packages_distributions()
    for module in MODULES[extra]:
        assert brought & set(map(canonicalize_name, of_module[module])), f"{extra}: {module}"


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    """An environment as `pip install .` makes it: links to what that brings, and nothing else."""
    folder = tmp_path_factory.mktemp("plain")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    for found in closure().values():
        for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(found.locate_file(top))
    (packages / "gradus").symlink_to(ROOT / "autograder" / "gradus")
    return folder / "bin" / "python"


def small_course(folder: Path) -> Path:
    """A course of one topic, as `gradus new` writes it, with all the files that commands name."""
    template = ROOT / "autograder/gradus/release/template"
    text = {
        name: (template / f"{name}.py.txt").read_text() for name in ("solution", "test", "mistakes")
    }
    files = {
        "course.yaml": COURSE,
        "class.csv": "name,email\nAda Lovelace,ada@example.org\n",
        "roster.csv": "id,first_name,last_name,email\nada,Ada,Lovelace,ada@example.org\n",
        "solutions/mlp.py": text["solution"],
        "hidden_tests/test_mlp.py": text["test"],
        "hidden_tests/mistakes/mlp.py": text["mistakes"],
        **{
            f"{where}.py": text["solution"]
            for where in (
                "submissions/ada",
                "submissions/carl",
                "class/ada",
                "in/ada",
                "submitted/ada/mlp/mlp",
                "mlp-submissions/ada/mlp",
            )
        },
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content.replace("TOPIC", "mlp").replace("TITLE", "Scales"))
    (folder / "home/Downloads").mkdir(parents=True)
    for name in ("submissions", "home/Downloads/submissions", "assignment_4711_export"):
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            archive.write(folder / "submissions/ada.py", "ada.py")
    shutil.make_archive(str(folder / "class"), "gztar", folder, "class")
    shutil.copy(folder / "submissions.zip", folder / "Deep Learning-mlp-4711.zip")
    return folder


@pytest.mark.parametrize(
    ("command", "extras"),
    [
        ("build", "instructor"),
        ("build --check", "instructor"),
        ("build mlp --target otter", "instructor"),
        ("demo", "instructor"),
        ("audit mlp", "instructor"),
        ("audit mlp --no-mutants", "instructor"),
        ("audit mlp --only averaged", "instructor"),
        ("site", "site,instructor"),
        ("show mlp solutions/mlp.py", "student"),
        ("grade mlp submissions --engine otter", "otter,instructor"),
        ("grade mlp submissions --engine nbgrader", "nbgrader,instructor"),
        ("data mnist", "mnist"),
    ],
)
def test_a_plain_installation_says_what_is_missing(command, extras, plain, tmp_path):
    """In one line, and before anything is done."""
    course = small_course(tmp_path)
    done = subprocess.run(
        [plain, "-m", "gradus", *command.split()], cwd=course, capture_output=True, text=True
    )
    *_, said = done.stderr.strip().splitlines()
    assert done.returncode == 2, done.stderr
    assert said.endswith(f' is not installed here: pip install "gradus-autograder[{extras}]"') or (
        f'pip install "gradus-autograder[{extras}]"' in said and command == "data mnist"
    )
    assert "Traceback" not in done.stderr
    assert not (course / "dist").exists()


def test_a_plain_installation_says_it_in_doctor_and_its_version(plain, tmp_path):
    command = [plain, "-m", "gradus"]
    run = dict(cwd=tmp_path, capture_output=True, text=True)
    found = subprocess.run([*command, "doctor"], **run, env={**os.environ, "COLUMNS": "80"})
    assert found.returncode == 0, found.stderr
    lines = [line.strip() for line in found.stdout.splitlines()]
    for extra in MODULES:
        assert f'pip install "gradus-autograder[{extra}]"' in lines
    version = subprocess.run([*command, "--version"], **run)
    assert version.stdout == f"gradus, version {PYPROJECT['version']}\n"


# ------------------------------------------------------------------- run as printed, and slowly

SHELL = ["bash", "-euc"]


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """What pip needs of a clone of this repository."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "autograder", folder / "autograder")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def environments(clone, tmp_path_factory) -> dict[str, Path]:
    """The `bin` of the environment that each printed `pip install` has made."""

    class Environments(dict[str, Path]):
        def __missing__(self, command: str) -> Path:
            folder = tmp_path_factory.mktemp("environment")
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            for first in list(self.values())[:1]:  # gigabytes, which pip need not unpack each time
                packages = f"{first.parent}/lib/python*/site-packages"
                what = f"{packages}/{{torch,functorch,nvidia,triton}}*"
                run(f"shopt -s nullglob; cp -al {what} {folder}/lib/python*/site-packages", folder)
            wheel = re.search(r"[\w.-]+\.whl", command)
            where = (
                next(clone.parent.glob(f"**/dist/student/{wheel[0]}")).parent if wheel else clone
            )
            run(f"export PATH={folder}/bin:$PATH\n{command}", where)
            self[command] = folder / "bin"
            return self[command]

    return Environments()


def run(script: str, folder: Path) -> str:
    environment = {**os.environ, "HOME": str(folder / "home"), "BROWSER": "true"}
    done = subprocess.run(
        [*SHELL, script], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{script}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("document", [*DOCUMENTS, BUNDLE])
def test_the_commands_of_a_document_run_as_printed(document, environments, tmp_path):
    """From top to bottom; each block begins in the folder of the course."""
    course = small_course(tmp_path)
    installs = [c for c in commands(document) if c.startswith("pip install")]
    of_instructors = next(c for c in commands("README.md") if "instructor" in c)
    run(f"{sys.executable} -m gradus build mlp --target student", course)
    where = course / "assignments/mlp"  # a student's folder, done
    (where / "mlp.ipynb").unlink()
    shutil.copy(course / "solutions/mlp.py", where)
    lines = [f"export PATH={environments[[*installs, of_instructors][0]]}:$PATH"]
    for block in blocks((ROOT / document).read_text()):
        lines.append(f"cd {where if document == BUNDLE else course}")
        for command in block:
            if command in NOT_RUN:
                continue
            filled = filled_in(command)
            if filled.startswith("pip install"):
                lines.append(f"export PATH={environments[filled]}:$PATH; hash -r")
                continue
            lines += [BEFORE[command]] if command in BEFORE else []
            # 1: a stub does not pass, since `gradus build` has made it anew
            lines.append(f"{filled} || [ $? = 1 ]" if "gradus check" in filled else filled)
    run("\n".join(lines), course)
