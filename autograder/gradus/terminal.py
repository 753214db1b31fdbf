"""Terminals and pipes that have not every character: what stands there for those that they lack."""

from __future__ import annotations

import codecs
import io
import sys
import unicodedata

# One column each where it stands in a table.
_PLAIN = {
    **{"✔": "+", "✘": "x", "○": "o", "●": "*", "◐": "~", "★": "*", "│": "|", "…": "~", "—": "-"},
    **{"–": "-", "−": "-", "·": "-", "×": "x", "⁄": "/", "′": "'", "‖": "|", "ℓ": "l", "∂": "d"},
    **{"→": "->", "←": "<-", "≤": "<=", "≥": ">=", "≠": "!=", "±": "+-", "√": "sqrt", "∞": "inf"},
}


def make_printable() -> None:
    """From here on nothing that is printed raises UnicodeEncodeError."""
    codecs.register_error("gradus", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="gradus")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_letter, error.object[error.start : error.end])), error.end


def _letter(letter: str) -> str:
    """What of a letter ASCII has: é is e, ² is ^2, β is beta; else ?."""
    if letter in _PLAIN:
        return _PLAIN[letter]
    parts = unicodedata.normalize("NFKD", letter)
    raised = "^" if unicodedata.decomposition(letter).startswith("<super>") else ""
    plain = "".join(part if part.isascii() else _PLAIN.get(part, "") for part in parts)
    name = unicodedata.name(parts[0], "")
    if not plain and name.startswith("GREEK"):
        plain = name.split()[-1].lower() if letter.islower() else name.split()[-1].capitalize()
    return raised + plain or ("" if unicodedata.combining(letter) else "?")
