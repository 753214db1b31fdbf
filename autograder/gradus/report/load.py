"""Results as everything that shows them reads them: saved files, and the scores set by hand."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gradus.course import UsageError, shown
from gradus.files import read_text
from gradus.grading.store import ADJUSTED, IN_ADJUSTED, Store
from gradus.inbox.found import printable
from gradus.results import Adjusted, Result, read_result

Adjustments = dict[str, tuple[float, str]]  # submission → score and reason
_COLUMNS = ["submission", "score", "reason"]


@dataclass(frozen=True)
class Loaded:
    """A result, its file, and what shows that somebody has edited that, or the empty string."""

    result: Result
    file: Path
    edited: str


def read_topics(path: Path) -> dict[str, list[Result]]:
    """The results in a folder, by topic, by submission, with the scores set by hand.

    `path` is results/TOPIC, results/ with all its topics, or one result's file. Raises UsageError
    for a file that is no result or was edited, and for what is wrong in adjusted.csv.
    """
    topics: dict[str, list[Result]] = {}
    for topic, loaded in _load(path).items():
        for one in loaded:
            if one.edited:
                again = "`gradus grade` grades it again"
                raise UsageError(f"{shown(one.file)} {one.edited}: {again}, and {IN_ADJUSTED}")
        topics[topic] = [one.result for one in loaded]
    return topics


def load_results(path: Path) -> list[Loaded]:
    """Those of one topic, with those that were edited among them; raises UsageError."""
    topics = _load(path)
    if len(topics) > 1:
        choice = " or ".join(shown(path / topic) for topic in sorted(topics))
        raise UsageError(f"{shown(path)} holds results of several topics: name one, {choice}")
    return next(iter(topics.values()))


def _load(path: Path) -> dict[str, list[Loaded]]:
    files = [path] if path.is_file() else sorted(path.glob("*.json"))
    files = files or sorted(path.glob("*/*.json"))
    if not files:
        raise UsageError(f"no results in {shown(path)}: make some with `gradus grade`")
    topics: dict[str, list[Loaded]] = {}
    for file in files:
        one = load_result(file)
        topics.setdefault(one.result.topic, []).append(one)
    for topic, loaded in topics.items():
        known = {one.result.submission: one.result.max_score for one in loaded}
        folder = loaded[0].file.parent
        by_hand, gone = read_adjusted(folder, known), Store(folder).withdrawn()
        loaded.sort(key=lambda one: one.result.submission)
        topics[topic] = [
            replace(one, result=_as_it_is_now(one.result, by_hand, gone)) for one in loaded
        ]
    return topics


def load_result(file: Path) -> Loaded:
    """The result in a file as it was saved; raises UsageError."""
    try:
        result, edited = read_result(file.read_bytes())
    except ValueError:
        raise UsageError(f"{shown(file)} is not a result: move it elsewhere") from None
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise UsageError(f"cannot read {shown(file)}: {reason}") from None
    return Loaded(result, file, edited)


def with_adjustment(result: Result, by_hand: Adjustments) -> Result:
    """The result with the score that is set by hand, if one is."""
    if result.submission not in by_hand:
        return result
    score, reason = by_hand[result.submission]
    about = Adjusted(graded=result.graded, reason=reason)
    return result.model_copy(update={"score": score, "adjusted": about, "digest": ""})


def _as_it_is_now(result: Result, by_hand: Adjustments, gone: Collection[str]) -> Result:
    withdrawn = {"withdrawn": result.submission in gone}
    return with_adjustment(result, by_hand).model_copy(update=withdrawn)


def read_adjusted(folder: Path, known: Mapping[str, float]) -> Adjustments:
    """What adjusted.csv in `folder` sets; empty where there is none.

    `known` are the points that can be had, by submission; others may have a result in `folder`.
    Raises UsageError with a line for each row that is wrong.
    """
    store = Store(folder)

    def possible(name: str) -> float | None:
        there = name in known or store.path(name).is_file()
        return known.get(name, max(known.values())) if there else None

    file = folder / ADJUSTED
    if not os.path.lexists(file):
        return {}
    text = read_text(file).removeprefix("\ufeff")  # as spreadsheets write it
    header = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in header else ",")
    found: Adjustments = {}
    wrong: list[str] = []
    try:
        rows = _rows(reader)
        if next(rows, (0, []))[1] != _COLUMNS:
            raise UsageError(f"{shown(file)}:1: its first line is {','.join(_COLUMNS)}")
        for line, row in rows:
            try:
                name, score, reason = _adjustment(row, possible)
                if name in found:
                    raise ValueError(f"'{name}' has a row already")
                found[name] = score, reason
            except ValueError as error:
                wrong.append(f"{shown(file)}:{line}: {printable(str(error))}")
    except csv.Error as error:
        wrong.append(f"{shown(file)}:{reader.line_num}: {error}")
    if wrong:
        raise UsageError("\n".join(wrong))
    return found


def _rows(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not empty, and the line on which it begins."""
    line = 1
    for row in reader:
        cells = [cell.strip() for cell in row]
        if any(cells):
            yield line, cells
        line = reader.line_num + 1  # type: ignore[attr-defined]


def _adjustment(row: list[str], possible: Callable[[str], float | None]) -> tuple[str, float, str]:
    """One row; ValueError says what is wrong with it."""
    if len(row) != len(_COLUMNS):
        raise ValueError(f"{len(row)} cells instead of 3: quote a reason that has a comma in it")
    name, number, reason = row
    most = possible(name)
    if most is None:
        raise ValueError(f"no submission is called '{name}' here")
    try:
        score = float(number)
    except ValueError:
        raise ValueError(f"'{number}' is not a number") from None
    if not (math.isfinite(score) and 0 <= score <= most):
        raise ValueError(f"{number} is not between 0 and the {most:g} points that can be had")
    if not reason:
        raise ValueError(f"the reason for '{name}' is missing")
    return name, score, " ".join(reason.split())
