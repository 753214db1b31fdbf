"""Where two submissions are alike: function by function, and side by side on a page."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from itertools import groupby

from gradus.inbox.found import printable
from gradus.report.answers import Answer
from gradus.report.fingerprints import LENGTH, WORD, Block, Key
from gradus.report.similar import MIN_CLASS, Pair, Similarity

MAX_PAIRS = 60  # on a page, each with the code of both
_KINDS = ("", "both", "few")
MAX_NAMED = 5  # comments, and names, in a line
Segment = tuple[str, str]  # text, and "both" or "few" where it is shared


@dataclass(frozen=True)
class Part:
    """A function of two submissions, or, without a name, what is rare in their other code.

    `lines` of it are rare and in both. As a whole it is the same in so many of the class (0: not
    even in these two), and `alike`, from 0 to 1; what is the same is as near to a right answer of
    the course's as `right`. None: it is too short to say.
    """

    name: str
    lines: int
    same: int
    alike: float | None
    right: float | None
    one: list[Segment]
    other: list[Segment]


@dataclass(frozen=True)
class Details:
    """What a pair shares: by function, and the comments and names that are rare and in both."""

    pair: Pair
    parts: list[Part]
    comments: list[str]
    names: list[str]

    @cached_property
    def rare(self) -> list[Part]:
        """The parts that have something rare in both."""
        return [part for part in self.parts if part.lines]

    @cached_property
    def rest(self) -> list[Part]:
        return [part for part in self.parts if not part.lines]

    @cached_property
    def words(self) -> str:
        """The same in a line, without the code."""
        same = sum(part.same > 0 for part in self.parts if part.name)
        functions = sum(bool(part.name) for part in self.parts)
        rare = [f"{part.name or 'other code'} ({part.lines})" for part in self.rare]
        where = [f"rare lines in {', '.join(_some(rare))}"] if rare else []
        whole = [f"{same} of {_many(functions, 'function')} the same"] if same else []
        comments = [f"comment “{textwrap.shorten(text, 60)}”" for text in self.comments]
        names = [f"names {', '.join(_some(self.names))}"] if self.names else []
        return "; ".join([*whole, *where, *_some(comments), *names])


def details(similarity: Similarity, pair: Pair) -> Details:
    """What two submissions share, and where."""
    task = similarity.task
    shared = (pair.one.keys & pair.other.keys) - task.stub
    rare = shared & similarity.rare
    parts = []
    for name in (*task.functions, ""):
        sides = [
            [block for block in answer.blocks if block.name == name and block.keys - task.stub]
            if name
            else [b for b in answer.blocks if b.name not in task.functions and b.keys & rare]
            for answer in (pair.one, pair.other)
        ]
        marked = [list(_marked(blocks, shared, rare)) for blocks in sides]
        lines = max(map(_rare_lines, marked))
        if lines or (name and all(sides)):
            alike = task.alike(pair.one, pair.other, name) if name else None
            same = similarity.same(pair, name)
            right = task.nearest(pair.one, name) if same else None
            parts.append(Part(name, lines, same, alike, right, *marked))
    texts = sorted((key for key in rare if isinstance(key, str)), key=lambda key: (-len(key), key))
    comments = [_as_written(pair.one, key) for key in texts if key.startswith("#")]
    chosen = [key.removeprefix("name ") for key in texts if not key.startswith("#")]
    return Details(pair, parts, comments, chosen)


def page(similarity: Similarity, topic: str, left_out: Sequence[str]) -> str:
    """All of it as a page of HTML that needs no other file: of each group the closest pair, and of
    all together not many more than MAX_PAIRS."""
    from jinja2 import Environment

    room = MAX_PAIRS
    groups = []
    for group in similarity.groups:
        groups.append(
            (members(group), [details(similarity, pair) for pair in group[: max(1, room)]])
        )
        room -= len(group)
    source = (
        resources.files(__package__)
        .joinpath("templates/similar.html.j2")
        .read_text(encoding="utf-8")
    )
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source).render(
        topic=topic,
        similarity=similarity,
        usual=similarity.usual,
        verdict=verdict(similarity),
        yardstick=yardstick(similarity),
        legend=legend(similarity),
        groups=groups,
        others=[details(similarity, pair) for pair in similarity.others],
        left_out=left_out,
    )


def verdict(similarity: Similarity) -> str:
    """What is to be said before all."""
    if similarity.small:
        return f"fewer than {MIN_CLASS} do not say what is usual; the closest:"
    if not similarity.groups:
        return "none are more alike than independent answers; the closest:"
    return "more alike than independent answers usually are:"


def yardstick(similarity: Similarity) -> tuple[str, str, str, str]:
    """The row of a table that all others are measured by."""
    usual = similarity.usual
    middle = f"half of all pairs: more than {usual.median:.0%} alike"
    if similarity.small:
        return ("two of them", "", "", middle)
    return ("usual, at most", f"{usual.alike:.0%}", f"{usual.rare:.0f}", middle)


def legend(similarity: Similarity) -> list[str]:
    """What the columns mean, in a sentence each."""
    lines = [
        "alike: of their code, names, comments and layout aside. Who has written less than most is "
        "taken to have written as much.",
        "rare: tokens of code in both, but in no right answer of the course's and in at most "
        f"{similarity.few} submissions; a word of such a comment, or such a name, counts {WORD}.",
    ]
    if not similarity.small:
        lines.append(
            "usual: what one shares with the nearest of the class, outliers aside (Tukey's fence)."
        )
    share = similarity.task.right_alike()
    if share is not None:
        lines.append(
            f"Two of the course's right answers, which were written to differ, are {share:.0%} "
            "alike, function by function."
        )
    return lines


def members(group: Sequence[Pair]) -> list[str]:
    """The names in a group."""
    return sorted({answer.name for pair in group for answer in (pair.one, pair.other)})


def _some(words: Sequence[str]) -> list[str]:
    more = [f"{len(words) - MAX_NAMED} more"] if len(words) > MAX_NAMED else []
    return [*words[:MAX_NAMED], *more]


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _marked(
    blocks: Sequence[Block], shared: frozenset[Key], rare: frozenset[Key]
) -> Iterator[Segment]:
    """The text of some blocks, cut where it begins or ends to be in both."""
    for number, block in enumerate(blocks):
        kinds = bytearray(len(block.text))
        for level, keys in ((1, shared), (2, rare)):
            for start, end in _places(block, keys):
                kinds[start:end] = bytes([level]) * (end - start)
        yield from [("\n\n", "")] if number else []
        first = len(block.text) - len(block.text.lstrip("\r\n"))
        for kind, run in groupby(range(first, len(block.text.rstrip())), kinds.__getitem__):
            yield "".join(_visible(block.text[at]) for at in run), _KINDS[kind]


def _places(block: Block, keys: frozenset[Key]) -> Iterator[tuple[int, int]]:
    """Where some keys stand in a block: their tokens with the space between, comments, names."""
    yield from ((start, end) for start, end, text in block.marks if text in keys)
    until = 0  # this token
    for at, (start, end) in enumerate(block.places):
        if block.grams[at : at + 1] and block.grams[at] in keys:
            until = at + LENGTH
        if at < until:
            yield start, end
            if at + 1 < until and block.text[end : block.places[at + 1][0]].isspace():
                yield end, block.places[at + 1][0]


def _visible(character: str) -> str:
    """Nothing that turns a line round, or ends it where no reader sees an end."""
    plain = character.isprintable() or character in "\n\t"
    return character if plain else character.encode("unicode_escape").decode()


def _rare_lines(segments: Sequence[Segment]) -> int:
    """How many lines are rare and in both, by more than half."""
    lines, rare, all_ = 0, 0, 0
    for text, kind in [*segments, ("\n", "")]:
        for at, piece in enumerate(text.split("\n")):
            if at:
                lines, rare, all_ = lines + (2 * rare > all_), 0, 0
            size = len("".join(piece.split()))
            rare, all_ = rare + size * (kind == "few"), all_ + size
    return lines


def _as_written(answer: Answer, key: str) -> str:
    """A comment as it stands in a submission, in one line."""
    for block in answer.blocks:
        for start, end, text in block.marks:
            if text == key:
                return printable(" ".join(block.text[start:end].strip("# \t").split()))
    return key
