"""Announces a message of 2^60 bytes. Refused before anything is allocated."""

import contextlib
import os
import struct


def f(x):
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(descriptor, struct.pack("<IQ", 100, 1 << 60))
    return x + 1


def honest(x):
    return x + 1
