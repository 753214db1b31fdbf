"""Writes noise to every descriptor it has. Not data: its process ends, the judge goes on."""

import contextlib
import os


def f(x):
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(descriptor, os.urandom(4096))
    return x + 1


def honest(x):
    return x + 1
