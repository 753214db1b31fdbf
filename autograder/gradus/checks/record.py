"""What a check notes about itself while it runs: failures, what it saw, metrics and remarks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from gradus.checks.comparison import Comparison
    from gradus.checks.failure import Leaf
    from gradus.checks.fingerprint import Seen
    from gradus.checks.known import Known
    from gradus.checks.show import Shown

MAX_REMARKS = 10  # some come from the submission, as many as it likes


@dataclass
class Record:
    """The check that is running.

    A comparison that fails does not end the check, unless `stop` asks for that: what the other
    outputs are helps to say why. `known` are the mistakes recorded for this check, `lost` the
    functions that have failed a check before this one, `passed` those that have passed one, `short`
    those that have at float32's precision only, `told` those that were told of their dtypes, and
    `said` what was said of the forward. `votes` says of a mistake in how many of the function's
    failed checks it fits, `explained` which ones fit all that is wrong in one, `throughout` what
    fits all that is wrong in every one, `refuted` which fit none of what is wrong in another,
    `elsewhere` what is wrong in those, and `unnoticed` what a check that has passed would notice;
    `by_rule` says that no one has written what was said.
    `edges` are calls to be made when it has passed, and `many` one with many rows; `small` is one
    to show when nothing explains why it has not. With `keep` its calls are kept, too. `float32` is
    the part of the tolerance for float32 that it allows; `defaults` are what each function's
    parameters are by default, `caches` what the solution keeps for each of its backwards.
    """

    seed: int = 0
    stop: bool = False
    recording: bool = False
    keep: bool = False
    known: Sequence[Known] = ()
    lost: frozenset[str] = frozenset()
    passed: frozenset[str] = frozenset()
    short: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    edges: Sequence[Comparison] = ()
    small: Sequence[Comparison] = ()
    many: Sequence[Comparison] = ()
    float32: float = 1.0
    caches: Sequence[Sequence[Tensor]] = ()
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    said: str = ""
    votes: Mapping[str, int] = field(default_factory=dict)
    explained: Collection[str] = ()
    throughout: Collection[tuple[str, ...]] | None = None
    refuted: Collection[str] = ()
    elsewhere: Sequence[Leaf] = ()
    unnoticed: Collection[tuple[str, ...]] = ()
    by_rule: bool = False
    metrics: dict[str, float] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    wrong: list[Leaf] = field(default_factory=list)  # all outputs that are
    right: int = 0  # comparisons of values that found none
    seen: list[list[Seen]] = field(default_factory=list)  # comparison by comparison
    # The same, where a cache was mended as it was before; and what was wrong then, of the last one.
    seen_before: list[list[Seen]] = field(default_factory=list)
    unmended: Sequence[Leaf] = ()
    shown: list[Shown] = field(default_factory=list)  # the calls, for a student to read
    judged: int = 0  # gradients that are right, beside a right forward or what it keeps
    unjudged: list[str] = field(default_factory=list)  # wrong beside a forward that is off
    borrowed: set[str] = field(default_factory=set)  # backwards of a forward that gave no cache
    wrong_calls: list[tuple[Comparison, list[Leaf]]] = field(default_factory=list)
    first: dict[str, tuple[Comparison, Any]] = field(default_factory=dict)  # right, by function
    backwards: int = 0  # comparisons of gradients so far
    hint: str = ""  # about the first failure
    settled: Exception | None = None  # what it says whatever others do
    inside: bool = False  # a comparison: a call outside of one is a property's
    properties: bool = False  # the check is more than comparisons
    graphs: dict[int, Any] = field(default_factory=dict)  # of stand-ins, by ticket
    graph_bytes: int = 0  # of all of them

    @property
    def comparisons(self) -> list[Comparison]:
        """The calls that were kept."""
        return [comparison for comparison, _ in self.shown]

    @property
    def only_an_edge(self) -> bool:
        """Whether values are right, and all that is wrong is that arguments are not refused, a
        dtype, or a number that is 0."""
        said = [getattr(failure, "diagnosis", None) or "" for failure in self.failures]
        edges = [text in ("dtype", "edge") or text.startswith("no error:") for text in said]
        # A comparison looks at the dtype where the values are right; a property may do so before.
        right = self.right > 0 or ("dtype" in said and not self.properties)
        return right and bool(said) and all(edges)

    def next_cache(self) -> Sequence[Tensor]:
        """What the solution keeps in the cache of the next comparison of gradients."""
        self.backwards += 1
        return self.caches[self.backwards - 1] if self.backwards <= len(self.caches) else ()

    def see(self, seen: list[Seen], before: list[Seen] | None = None) -> None:
        """Note what a comparison has seen, and what it saw before a cache was mended."""
        self.seen.append(seen)
        self.seen_before.append(before or seen)

    def remark(self, text: str) -> None:
        """Note something that the student should read even when the check passes; of many remarks
        the first ones."""
        if text not in self.remarks and len(self.remarks) < MAX_REMARKS:
            self.remarks.append(text)

    def fail(self, failure: Exception) -> None:
        """Note a failure and go on, or raise it where the check is to stop."""
        if self.stop:
            raise failure
        self.failures.append(failure)


_current: ContextVar[Record | None] = ContextVar("gradus_record", default=None)


def start(seed: int, **rest: Any) -> Record:
    """Begin a new record; the session does this before each check."""
    record = Record(seed, **rest)
    _current.set(record)
    return record


def current() -> Record:
    """The record of the running check."""
    record = _current.get()
    return record if record is not None else start(0)
