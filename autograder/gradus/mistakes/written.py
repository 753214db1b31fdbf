"""What may stand in hidden_tests/mistakes/T.py; the file is read with `ast` and never imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def mistakes(*changes: Any) -> Any:
    """`linear_backward = mistakes(change(...), ...)`: wrong answers for that function, each a
    change to the reference."""


def change(edit: str | tuple[str, ...], says: str = "", *, also: str | tuple[str, ...] = ()) -> Any:
    """`change("x.sum(0) -> x.mean(0)", "...")`: the reference with the only place that has the text
    before the arrow turned into the text after it, and what a student reads about that.

    Of several edits each is a way to make the same mistake; one without an arrow changes what the
    edit before it changes: ("x -> 2 * x", "-x"). `also` holds further edits that each needs.
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


def equivalent(function: str, edit: str, *, why: str) -> None:
    """Record that a mutant of the reference, a line with "old -> new", computes the same."""
