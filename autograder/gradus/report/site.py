"""The course as a web site, from the same sources: text, stubs, figures made by the reference."""

from __future__ import annotations

import hashlib
import html
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradus
from gradus.course import Course, Topic, UsageError
from gradus.drawing import draw, html_table, views_in
from gradus.files import write_tree, write_whole
from gradus.solution import Solution

SOURCES = "sources.txt"  # in the site: a digest of what it was made of
_WIDTH, _HEIGHT, _GAP = 290, 40, 24  # of a topic on the map, in pixels
_PER_ROW = 4  # more, and their titles could not be read
_STYLE = """\
img { background: white; border-radius: .4rem }
.formula { overflow-x: auto; overflow-y: hidden; margin: 1rem 0 }
.map { overflow-x: auto }
.map svg { min-width: 44rem; width: 100%; height: auto; font: 15px system-ui, sans-serif }
.map rect { fill: var(--color-background-primary, white); stroke: currentColor; rx: 6px }
.map a:hover rect { stroke-width: 2 }
.map text { fill: currentColor; text-anchor: middle }
.map path { fill: none; stroke: currentColor; opacity: .4 }
details { margin: 1rem 0 }
"""


def sources_of(course: Course) -> str:
    """A digest of all that the site is made of."""
    digest = hashlib.sha256(gradus.__version__.encode())
    for topic in course.topics:
        digest.update(topic.model_dump_json().encode())
        digest.update(course.solution(topic).read_bytes())
    return digest.hexdigest()[:16] + "\n"


def make_site(course: Course, out: Path, advance: Callable[[str], None], quick: bool) -> None:
    """Write the site of a course to a folder; `advance` is told of each topic before it is made.

    `quick` draws the figures at their small size. Raises UsageError where a figure cannot be
    drawn, or Sphinx is not installed or not content.
    """
    from sphinx.application import Sphinx
    from sphinx.errors import SphinxError

    files = {"index.md": _index(course).encode(), "_static/gradus.css": _STYLE.encode()}
    for topic in course.topics:
        advance(topic.title)
        files |= _pages(course, topic, quick)
    settings = {
        "project": course.title,
        "html_title": course.title,
        "extensions": ["myst_parser", "sphinx-mathjax-offline"],
        "myst_enable_extensions": ["dollarmath"],
        "myst_heading_anchors": 2,
        "html_theme": "furo",
        "html_static_path": ["_static"],
        "html_css_files": ["gradus.css"],
        "html_copy_source": False,
        "html_show_copyright": False,
        "html_show_sphinx": False,
    }
    warnings = io.StringIO()
    with TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        write_tree(source, files)
        trees = Path(folder) / "trees"
        options: dict[str, Any] = dict(status=None, warning=warnings, freshenv=True)
        try:
            Sphinx(source, None, out, trees, "html", settings, **options).build(force_all=True)
        except SphinxError as error:
            raise UsageError(f"Sphinx: {error}") from None
    if said := warnings.getvalue().strip():
        raise UsageError(f"the site has faults: {said.splitlines()[0]}")
    _prune(out / "_static" / "mathjax")
    write_whole(out / SOURCES, sources_of(course).encode())


def _prune(mathjax: Path) -> None:
    """Keep what pages load, a tenth of what comes with MathJax."""
    for path in mathjax.iterdir():
        if path.is_dir() and path.name != "output":
            shutil.rmtree(path)
        elif path.is_file() and path.name != "tex-chtml.js":
            path.unlink()
    shutil.rmtree(mathjax / "output" / "svg")


def _pages(course: Course, topic: Topic, quick: bool) -> dict[str, bytes]:
    """One topic's page and its picture."""
    solution = Solution.read(course.solution(topic))
    stub = Solution(solution.stub(), solution.filename)
    files: dict[str, bytes] = {}
    parts = []
    for kind, source in stub.cells():
        parts.append(source if kind == "markdown" else f"```python\n{source}\n```")
        for view in views_in(source) if kind == "code" else ():
            name = f"{topic.id}.py"
            drawn = draw(topic, name, solution.text.encode(), view, quick=quick)
            if drawn.picture:
                files[f"{topic.id}.png"] = drawn.picture
                parts.append(f"![{topic.title}: what the functions draw]({topic.id}.png)")
            else:
                table = html_table(drawn.rows)
                parts.append(f"<details><summary>What comes out</summary>\n{table}\n</details>")
    title, _, text = "\n\n".join(parts).partition("\n")
    about = f"{topic.points} points · about {topic.minutes} minutes"
    about += f" · difficulty {topic.difficulty} of 5"
    before = ", ".join(f"[{course.topic(name).title}]({name}.md)" for name in topic.needs)
    after = ", ".join(f"[{t.title}]({t.id}.md)" for t in course.topics if topic.id in t.needs)
    lines = [title, "", about, *(["", f"Before: {before}"] if before else [])]
    lines += ["", f"After: {after}"] if after else []
    files[f"{topic.id}.md"] = "\n".join([*lines, "", text.strip(), ""]).encode()
    return files


def _index(course: Course) -> str:
    parts = [f"# {course.title}", f'<div class="map">\n{_map(course)}\n</div>']
    units: dict[str, list[Topic]] = {}
    for topic in course.topics:
        units.setdefault(topic.unit, []).append(topic)
    for unit, topics in units.items():
        names = "\n".join(topic.id for topic in topics)
        caption = f":caption: {unit.capitalize()}\n" if unit else ""
        parts.append(f"```{{toctree}}\n:maxdepth: 1\n{caption}\n{names}\n```")
    return "\n\n".join(parts) + "\n"


def _map(course: Course) -> str:
    """The topics as boxes, each below what it needs, with a line to that."""
    depth: dict[str, int] = {}
    rows: dict[int, list[str]] = {}
    for topic in course.topics:
        level = 1 + max((depth[name] for name in topic.needs), default=-1)
        while len(rows.setdefault(level, [])) == _PER_ROW:
            level += 1
        depth[topic.id] = level
        rows[level].append(topic.id)
    widest = max(len(row) for row in rows.values())
    width = widest * (_WIDTH + _GAP)
    place = {
        id: (width * (at + 0.5) / len(row), level * (_HEIGHT + 2 * _GAP) + _HEIGHT / 2 + 2)
        for level, row in rows.items()
        for at, id in enumerate(row)
    }
    lines, boxes = [], []
    for topic in course.topics:
        x, y = place[topic.id]
        for name in topic.needs:
            from_x, from_y = place[name]
            top, bottom = from_y + _HEIGHT / 2, y - _HEIGHT / 2
            middle = (top + bottom) / 2
            curve = f"M{from_x:g} {top:g}C{from_x:g} {middle:g} {x:g} {middle:g} {x:g} {bottom:g}"
            lines.append(f'<path d="{curve}"/>')
        corner = f'x="{x - _WIDTH / 2:g}" y="{y - _HEIGHT / 2:g}"'
        boxes.append(
            f'<a href="{topic.id}.html"><rect {corner} width="{_WIDTH}" height="{_HEIGHT}"/>'
            f'<text x="{x:g}" y="{y + 5:g}">{html.escape(topic.title)}</text></a>'
        )
    height = len(rows) * (_HEIGHT + 2 * _GAP) - 2 * _GAP + 4
    drawn = "\n".join([*lines, *boxes])
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="What each topic needs">'
        f"\n{drawn}\n</svg>"
    )
