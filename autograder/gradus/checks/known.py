"""Recorded mistakes: what a check sees when one is made, and the sentences about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gradus.checks.fingerprint import Fingerprint, Transcript

# A mistake that is written, two of them at once, a change by rule; and a mistake in the forward
# beside a right backward, written or by rule.
Kind = Literal["mistake", "pair", "rule", "forward", "forward rule"]


@dataclass(frozen=True)
class Known:
    """One mistake as one check sees it; of a pair and of a rule only the whole is kept."""

    kind: Kind
    said: tuple[str, ...]
    whole: Fingerprint
    paths: Mapping[str, Fingerprint] = field(default_factory=dict)

    def packed(self) -> list[Any]:
        """As data."""
        paths = {path: found.packed() for path, found in self.paths.items()}
        return [self.kind, list(self.said), self.whole.packed(), paths]

    @classmethod
    def unpacked(cls, data: list[Any]) -> Known:
        """What `packed` made."""
        kind, said, whole, paths = data
        return cls(
            kind,
            tuple(said),
            Fingerprint(*whole),
            {path: Fingerprint(*found) for path, found in paths.items()},
        )


Recorded = Mapping[str, Sequence[Known]]  # by the name of the check


def whole_match(known: Iterable[Known], seen: Transcript, *kinds: Kind) -> Known | None:
    """The first of these kinds that explains every value of the check."""
    whole = seen.whole
    for one in known:
        if one.kind in kinds and one.whole.matches(whole, 2 * seen.close):
            return one
    return None


def path_matches(known: Iterable[Known], seen: Transcript) -> Iterator[tuple[str, Known]]:
    """The outputs that a written mistake explains, each at all comparisons, and which mistake."""
    for path, mine in seen.paths.items():
        for one in known:
            found = one.paths.get(path)
            if one.kind == "mistake" and found is not None and found.matches(mine, seen.close):
                yield path, one
                break
