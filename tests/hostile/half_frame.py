"""Sends the first half of a reply and no more. Times out."""

import contextlib
import os
import struct


def f(x):
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(descriptor, struct.pack("<IQ", 100, 1 << 20) + b"\x96\x01")
    while True:
        pass


def honest(x):
    return x + 1
