"""Replaces the worker's list of functions by nonsense while it is loaded. Harms only itself."""

import sys

frame = sys._getframe()
while frame is not None:
    for value in list(frame.f_locals.values()):
        if type(value).__name__ == "Source":
            value.notes.extend([10**9, None, "x" * 10_000_000])
    frame = frame.f_back


def f(x):
    return x + 1


def honest(x):
    return x + 1
