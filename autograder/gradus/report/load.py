"""Results, as `gradus grade` has left them in a folder."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from gradus.course import UsageError, shown
from gradus.results import Result


def read_topics(path: Path) -> dict[str, list[Result]]:
    """The results in results/TOPIC, or results/ with all its topics: by topic, by submission.

    Raises UsageError for a folder without results, and for a file that is no result.
    """
    files = sorted(path.glob("*.json")) or sorted(path.glob("*/*.json"))
    if not files:
        raise UsageError(f"no results in {shown(path)}: make some with `gradus grade`")
    topics: dict[str, list[Result]] = {}
    for file in files:
        try:
            result = Result.model_validate_json(file.read_bytes())
        except ValidationError:
            raise UsageError(f"{shown(file)} is not a result: move it elsewhere") from None
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise UsageError(f"cannot read {shown(file)}: {reason}") from None
        topics.setdefault(result.topic, []).append(result)
    for results in topics.values():
        results.sort(key=lambda result: result.submission)
    return topics
