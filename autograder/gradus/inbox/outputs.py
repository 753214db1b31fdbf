"""A notebook without its outputs, which may be a thousand times its code."""

from __future__ import annotations

import re

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
MAX_TOKENS = 4_000_000  # a second; a picture is one string, however large, and so is a printed line
_BULKY = re.compile(rb'"(?:outputs|attachments)"\s*:\s*(?=[\[{])')


def without_outputs(data: bytes) -> bytes:
    """A notebook's JSON with "outputs" and "attachments" made null.

    Takes linear time and little memory beyond the text's own, whatever the text is. Raises
    ValueError for more than MAX_TOKENS strings and brackets.
    """
    kept = bytearray()
    start, depth, skipping = 0, 0, False
    for number, token in enumerate(_TOKEN.finditer(data)):
        if number > MAX_TOKENS:
            raise ValueError(f"more than {MAX_TOKENS} strings and brackets: clear the outputs")
        if skipping:
            if token.end() - token.start() == 1:
                depth += 1 if token.group() in b"[{" else -1
            if depth == 0:
                start, skipping = token.end(), False
        elif bulky := _BULKY.match(data, token.start()):
            kept += data[start : bulky.end()] + b"null"
            skipping = True
    return bytes(kept) if skipping else bytes(kept + data[start:])
