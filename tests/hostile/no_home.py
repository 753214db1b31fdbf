"""Removes the folder that it works in. Its own loss, and nobody notices."""

import contextlib
import os


def f(x):
    with contextlib.suppress(OSError):
        os.rmdir(os.getcwd())
    with contextlib.suppress(OSError):
        os.rename(os.getcwd(), os.getcwd() + "-gone")
    return x + 1


def honest(x):
    return x + 1
