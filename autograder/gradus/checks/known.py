"""Recorded mistakes: what a check sees when one is made, and the sentences about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gradus.checks.fingerprint import Fingerprint, Transcript

# A mistake that is written, two of them at once, a change by rule, a slip of the pen; and a mistake
# in the forward beside a right backward, written or by rule.
Kind = Literal["mistake", "pair", "rule", "slip", "forward", "forward rule"]


@dataclass(frozen=True)
class Known:
    """One mistake as one check sees it; of all but a mistake only the whole is kept."""

    kind: Kind
    said: tuple[str, ...]
    whole: Fingerprint
    paths: Mapping[str, Fingerprint] = field(default_factory=dict)


Recorded = Mapping[str, Sequence[Known]]  # by the name of the check


def packed(recorded: Recorded) -> tuple[dict[str, list[Any]], list[int]]:
    """As data, and the numbers that no compression makes smaller.

    Column by column, each text once and its place in `texts` where it occurs: a class of mistakes
    has thousands of pairs, and no more sentences than mistakes. Where there are paths, the whole
    follows from them.
    """
    texts: dict[str | bytes, int] = {}
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    numbers: list[int] = []

    def add(column: str, text: str | bytes) -> None:
        columns[column].append(texts.setdefault(text, len(texts)))

    for check, found in recorded.items():
        add("checks", check)
        columns["found"].append(len(found))
        for one in found:
            add("kinds", one.kind)
            columns["saying"].append(len(one.said))
            for sentence in one.said:
                add("said", sentence)
            columns["seeing"].append(len(one.paths))
            for path in one.paths:
                add("paths", path)
            for seen in one.paths.values() if one.paths else [one.whole]:
                add("patterns", seen.packed(numbers))
    return {"texts": list(texts), **columns}, numbers


_COLUMNS = ("checks", "found", "kinds", "saying", "said", "seeing", "paths", "patterns")


def unpacked(columns: Mapping[str, Sequence[Any]], numbers: Iterable[int]) -> Recorded:
    """What `packed` made."""
    texts, left = columns["texts"], iter(numbers)
    checks, found, kinds, saying, said, seeing, paths, patterns = (
        iter(columns[name]) for name in _COLUMNS
    )

    def fingerprint() -> Fingerprint:
        return Fingerprint.unpacked(texts[next(patterns)], left)

    def known() -> Known:
        kind = texts[next(kinds)]
        sentences = tuple(texts[next(said)] for _ in range(next(saying)))
        seen = [texts[next(paths)] for _ in range(next(seeing))]
        if not seen:
            return Known(kind, sentences, fingerprint())
        by_path = {path: fingerprint() for path in seen}
        return Known(kind, sentences, Transcript(by_path).whole, by_path)

    return {texts[check]: [known() for _ in range(next(found))] for check in checks}


def whole_matches(known: Iterable[Known], seen: Transcript, *kinds: Kind) -> Iterator[Known]:
    """Those of these kinds that explain every value of the check."""
    whole = seen.whole
    for one in known:
        if one.kind in kinds and one.whole.matches(whole, 2 * seen.close):
            yield one


def path_matches(known: Sequence[Known], seen: Transcript) -> dict[str, list[Known]]:
    """The outputs that written mistakes explain, each at all comparisons, and which mistakes."""
    found: dict[str, list[Known]] = {}
    for path, mine in seen.paths.items():
        for one in () if path.startswith("!") else known:  # what came instead of an output
            of_path = one.paths.get(path) if one.kind == "mistake" else None
            if of_path is not None and of_path.matches(mine, seen.close):
                found.setdefault(path, []).append(one)
    return found
