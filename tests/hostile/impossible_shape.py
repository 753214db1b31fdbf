"""Sends a tensor whose sizes multiply to nothing in 64 bits. Not data."""

import contextlib
import os
import struct
import sys

import msgpack


def f(x):
    frame = sys._getframe()
    while type(frame.f_locals.get("self")).__name__ != "Worker":
        frame = frame.f_back
    number = frame.f_locals["self"].number
    tensor = [3, "float64", [1 << 30, 1 << 30, 16]]
    header = msgpack.packb([1, number, "value", tensor, [0], [0]])
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(descriptor, struct.pack("<IQ", len(header), 0) + header)
    return x + 1


def honest(x):
    return x + 1
