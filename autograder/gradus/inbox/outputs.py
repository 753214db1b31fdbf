"""A notebook without its outputs, which may be a thousand times its code."""

from __future__ import annotations

import re

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_BULKY = re.compile(rb'"(?:outputs|attachments)"\s*:\s*(?=[\[{])')


def without_outputs(data: bytes) -> bytes:
    """A notebook's JSON with "outputs" and "attachments" made null.

    Takes linear time and little memory beyond the text's own, whatever the text is.
    """
    kept: list[bytes] = []
    start, depth, skipping = 0, 0, False
    for token in _TOKEN.finditer(data):
        if skipping:
            if token.end() - token.start() == 1:
                depth += 1 if token.group() in b"[{" else -1
            if depth == 0:
                start, skipping = token.end(), False
        elif bulky := _BULKY.match(data, token.start()):
            kept += (data[start : bulky.end()], b"null")
            skipping = True
    return b"".join(kept) if skipping else b"".join((*kept, data[start:]))
