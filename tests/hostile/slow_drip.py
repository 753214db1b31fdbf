"""Sends its answer a byte at a time, for ever. Times out: the deadline is for the whole."""

import contextlib
import os
import struct
import time


def f(x):
    head = struct.pack("<IQ", 1 << 20, 0)
    while True:
        for descriptor in range(3, 64):
            with contextlib.suppress(OSError):
                os.write(descriptor, head[:1])
        head = head[1:] + b"x"
        time.sleep(0.05)


def honest(x):
    return x + 1
