"""`gradus new`: the files of a new topic, with a small example that passes the audit."""

from __future__ import annotations

import io
import re
from importlib import resources

import click
from ruamel.yaml import YAML

from gradus.course import Course, UsageError, shown
from gradus.files import write_whole

POINTS = 8  # what the example's checks add up to


def new(course: Course, topic: str) -> int:
    """Write the three files of a topic and its entry in course.yaml; returns 0.

    Nothing that exists is overwritten. Raises UsageError where the name is no module's, or taken.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", topic):
        raise UsageError(f"'{topic}' cannot be a topic: small letters, digits and _ only")
    if any(other.id == topic for other in course.topics):
        raise UsageError(f"there is a topic '{topic}' already, in {shown(course.file)}")
    files = {
        course.root / "solutions" / f"{topic}.py": "solution.py.txt",
        course.root / "hidden_tests" / f"test_{topic}.py": "test.py.txt",
        course.root / "hidden_tests" / "mistakes" / f"{topic}.py": "mistakes.py.txt",
    }
    for path in files:
        if path.exists():
            raise UsageError(f"{shown(path)} exists already: nothing was written")
    template = resources.files("gradus.release").joinpath("template")
    title = topic.replace("_", " ").capitalize()
    for path, name in files.items():
        text = template.joinpath(name).read_text(encoding="utf-8")
        write_whole(path, text.replace("TOPIC", topic).replace("TITLE", title).encode())
        click.echo(f"wrote  {shown(path)}")
    write_whole(course.file, _with_entry(course, topic, title))
    click.echo(
        f"wrote  {shown(course.file)}\n\n"
        f"Now replace the example, and run `gradus audit {topic}` until all is judged rightly;\n"
        f"then `gradus build {topic}`. docs/topics.md says how each file is written."
    )
    return 0


def _with_entry(course: Course, topic: str, title: str) -> bytes:
    """course.yaml with an entry more at its end; comments and layout stay."""
    yaml = YAML()
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.preserve_quotes = True
    data = yaml.load(course.file.read_text(encoding="utf-8"))
    data["topics"].append({"id": topic, "title": title, "points": POINTS})
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue().encode()
