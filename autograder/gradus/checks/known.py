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

    def packed(self, numbers: list[int]) -> list[Any]:
        """As data and `numbers`; where there are paths, the whole follows from them."""
        paths = {path: found.packed(numbers) for path, found in self.paths.items()}
        return [self.kind, list(self.said), paths or self.whole.packed(numbers)]

    @classmethod
    def unpacked(cls, data: list[Any], numbers: Iterator[int]) -> Known:
        """What `packed` made."""
        kind, said, seen = data
        if isinstance(seen, bytes):
            return cls(kind, tuple(said), Fingerprint.unpacked(seen, numbers))
        paths = {path: Fingerprint.unpacked(found, numbers) for path, found in seen.items()}
        return cls(kind, tuple(said), Transcript(paths).whole, paths)


Recorded = Mapping[str, Sequence[Known]]  # by the name of the check


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
