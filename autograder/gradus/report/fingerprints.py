"""Code -> fingerprints that names, layout and comments do not change (Schleimer, Wilkerson and
Aiken: Winnowing, SIGMOD 2003; with a window of one: every fingerprint is kept).

Read by tokens, so that what is no Python is compared like all else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar

from pygments.lexer import default, include, inherit
from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, String, Whitespace

LENGTH = 10  # tokens of a fingerprint: about a line of code
MIN_NAME = 3  # characters; everybody has an i
WORD = 3  # tokens of code that a word of a comment, or a name, is worth
MIN_REMARK = 2  # words; everybody writes "# forward"

# A fingerprint; or, as text, a comment's words or a name, which say more than code does.
Key = int | str
_TOP_LEVEL = re.compile(
    r"^(?:(?:async[ \t]+)?(?:def|class)[ \t]+(?P<name>\w+)|@|# ?%%|[^\W\d])", re.MULTILINE
)
_GIVEN = (Keyword, Name.Builtin, Name.Exception, Name.Namespace)  # no student chooses these


class _Lexer(PythonLexer):  # type: ignore[misc]  # it has no types
    """Takes linear time whatever the text is: without the rules, made for colours, that begin again
    at each blank line, at each space after `case`, at each digit and bracket of a string.
    """

    tokens: ClassVar[dict[str, list[Any]]] = {
        "root": [(r"\s*\n", Whitespace), inherit],
        "soft-keywords-inner": [default("#pop")],
        "stringescape": [include("bytesescape")],
        "strings-single": [(r"[^'\"\\\n]+|['\"\\]", String)],
        "strings-double": [(r"[^'\"\\\n]+|['\"\\]", String)],
    }


_LEXER = _Lexer(stripnl=False, ensurenl=False)


@dataclass(frozen=True)
class Block:
    """A function or class at the left margin, or, without a name, other code between them.

    `tokens` with chosen names and strings made alike, and their `places` in `text`; `marks` are the
    comments and chosen names, each with its place.
    """

    name: str
    text: str
    tokens: tuple[str, ...]
    places: tuple[tuple[int, int], ...]
    marks: tuple[tuple[int, int, str], ...]

    @cached_property
    def grams(self) -> tuple[int, ...]:
        """The fingerprint that begins at each token."""
        last = len(self.tokens) - LENGTH + 1
        return tuple(hash(self.tokens[at : at + LENGTH]) for at in range(last))

    @cached_property
    def keys(self) -> frozenset[Key]:
        """All that it is compared by."""
        return frozenset([*self.grams, *(text for _, _, text in self.marks)])


def weight(key: Key) -> int:
    """How many tokens it is worth that two have a key: a word is one of thousands, a token of code
    one of a few that fit."""
    return WORD * key.count(" ") if isinstance(key, str) else 1


def read_blocks(text: str, given: frozenset[str]) -> tuple[Block, ...]:
    """The blocks of some code, in order. `given` are the names that no student chose."""
    return tuple(_block(name, piece, given) for name, piece in _pieces(text) if piece.strip())


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """The text cut before each definition at the left margin, and before what follows it: an open
    bracket or quote in one of them hides nothing of the next."""
    begin, name, decorated = 0, "", False
    for match in _TOP_LEVEL.finditer(text):
        defined, decorator = match["name"] or "", match[0] == "@"
        if not decorated and (defined or name or decorator):
            yield name, text[begin : match.start()]
            begin = match.start()
        name, decorated = defined, decorator
    yield name, text[begin:]


@lru_cache(maxsize=10_000)  # what was handed out is the same in every submission
def _block(name: str, text: str, given: frozenset[str]) -> Block:
    tokens: list[str] = []
    places: list[tuple[int, int]] = []
    marks: list[tuple[int, int, str]] = []
    depth, fresh, statement_to = 0, True, -1
    for start, kind, value in _LEXER.get_tokens_unprocessed(text):
        end = start + len(value)
        if kind in Comment:
            marks += _remarks(start, value)
        elif kind in Whitespace or not value.strip():
            fresh = fresh or ("\n" in value and not depth)
        elif kind in String and (start == statement_to or fresh):  # a text that is a statement
            statement_to, fresh = end, False
        elif kind in String and tokens and tokens[-1] == '"' and places[-1][1] == start:
            places[-1] = (places[-1][0], end)
        else:
            fresh = False
            if value == "=" and depth and marks and marks[-1][1] == places[-1][1]:
                marks.pop()  # an argument's name is the called function's
            depth = max(0, depth + (value in ("(", "[", "{")) - (value in (")", "]", "}")))
            chosen = kind in Name and not any(kind in group for group in _GIVEN)
            if chosen and tokens[-1:] != ["."] and value not in given:
                marks += [(start, end, f"name {value}")] if len(value) >= MIN_NAME else []
                value = "name"
            tokens.append('"' if kind in String else value)
            places.append((start, end))
    return Block(name, text, tuple(tokens), tuple(places), tuple(marks))


def _remarks(start: int, text: str) -> Iterator[tuple[int, int, str]]:
    """A comment as its words, if there are some."""
    words = re.findall(r"\w+", text.casefold())
    if len(words) >= MIN_REMARK:
        yield start, start + len(text), " ".join(["#", *words])
