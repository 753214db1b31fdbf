"""What may stand in hidden_tests/mistakes/T.py; the file is read with `ast` and never imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def mistakes(*changes: Any) -> Any:
    """`linear_backward = mistakes(change(...), ...)`: wrong answers for that function, each a
    change to the reference."""


def change(
    old: str, new: str | tuple[str, ...], says: str = "", *, also: tuple[tuple[str, str], ...] = ()
) -> Any:
    """The reference with its only `old` turned into `new`, and what a student reads about it.

    Where `new` holds several texts, each is a way to make the same mistake. `also` holds further
    (old, new) of the same mistake. White space at line ends and around the whole does not matter.
    `says` begins with what is wrong, and a colon before why and what to do; it may be the name of
    a text given above. Without it the mistake needs no sentence: what it raises, or a general
    diagnosis ("4 times too large"), says enough.
    """


def mistake(says: str = "", *, of: str = "") -> Callable[[T], T]:
    """Mark a wrong answer that no changed line can say: a function, or a class that holds several
    and names the one, `of`, whose check must notice."""
    return lambda answer: answer


def alternative(title: str) -> Callable[[T], T]:
    """Mark a right answer, written differently from the reference: it must keep full points."""
    return lambda answer: answer


def equivalent(function: str, old: str, new: str, *, why: str) -> None:
    """Record that a mutant of the reference, line `old` turned into `new`, computes the same."""
