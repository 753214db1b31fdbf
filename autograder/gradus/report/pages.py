"""Summaries -> a folder of pages: the class, each topic, and for every student one to hand out."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader

from gradus.grading.store import file_stem
from gradus.rendering import mark_of
from gradus.report.people import name_of, names_of, pupils_of
from gradus.report.roster import Matched
from gradus.report.summary import Summary
from gradus.results import CheckResult, Result

_SHOWN = ("visible", "after_due_date", "after_published")  # handing a page out publishes it
_TEXT = "#010203"  # becomes the colour of the page's text, whatever that is


def report_pages(
    title: str,
    summaries: Mapping[str, Summary],
    rosters: Mapping[str, Matched],
    advance: Callable[[], None] = lambda: None,
) -> dict[str, bytes]:
    """The report's files, by path: index.html, TOPIC.html, and students/NAME.html.

    `rosters`: by topic, how the results agree with the class list; empty without one. `advance` is
    told of each page. A student's page has what the checks' visibility lets them see, links to
    nothing, and needs no other file.
    """
    pupils = pupils_of({id: summary.results for id, summary in summaries.items()})
    pupils.sort(key=lambda pupil: pupil.name.casefold())
    page_of = {pupil.key: f"students/{file_stem(pupil.key)}.html" for pupil in pupils}
    environment = Environment(
        loader=PackageLoader("gradus.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "points": _number,
        "mark": lambda check: mark_of(check)[0],
        "names_of": names_of,
        "name_of": name_of,
    }
    environment.filters.update(filters)
    files: dict[str, bytes] = {}

    def page(path: str, template: str, **values: Any) -> None:
        text = environment.get_template(template).render(title=title, **values)
        files[path] = text.encode(errors="backslashreplace")
        advance()

    author = {
        (topic, result.submission): page_of[pupil.key]
        for pupil in pupils
        for topic, results in pupil.results.items()
        for result in results
    }
    classes = {"summaries": summaries, "rosters": rosters}
    page("index.html", "index.html.j2", pupils=pupils, page_of=page_of, **classes)
    for id, summary in summaries.items():
        page(
            f"{id}.html",
            "topic.html.j2",
            summary=summary,
            histogram=histogram(summary),
            roster=rosters.get(id),
            page_of={
                result.submission: author[id, result.submission] for result in summary.results
            },
        )
    for pupil in pupils:
        topics = [
            (summaries[id].topic, result)
            for id, results in pupil.results.items()
            for result in results
        ]
        page(page_of[pupil.key], "student.html.j2", pupil=pupil, topics=topics, seen=seen)
    return files


def seen(result: Result) -> tuple[list[CheckResult], float, float]:
    """The checks that a student may see, and the points, earned and possible, of the others."""
    shown = [check for check in result.checks if check.visibility in _SHOWN]
    hidden = [check for check in result.checks if check.visibility not in _SHOWN]
    return shown, sum(c.points for c in hidden), sum(c.max_points for c in hidden)


def histogram(summary: Summary) -> str:
    """The distribution of the scores as SVG, for a light page and a dark one."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": summary.topic.id,
        **dict.fromkeys(("axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _TEXT),
    }
    with matplotlib.rc_context(settings):
        figure, axes = plt.subplots(figsize=(8, 2.6), layout="constrained")
        starts, counts = zip(*summary.bins, strict=True)
        width = starts[1] - starts[0] if len(starts) > 1 else 1
        axes.bar(starts, counts, width=0.86 * width, color="#4a7fb5")
        axes.axvline(summary.quartiles[1], color="#d9822b", lw=2)
        axes.annotate(
            f"median {_number(summary.quartiles[1])}",
            (summary.quartiles[1], 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            color="#d9822b",
        )
        axes.set(xlabel=f"points of {_number(summary.max_score)}", ylabel="submissions")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
        plt.close(figure)
    svg = out.getvalue()
    return svg[svg.index("<svg") :].replace(_TEXT, "currentColor")


def _number(value: float) -> str:
    return f"{round(value, 2):g}"
