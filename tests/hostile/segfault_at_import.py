"""A segmentation fault while it is loaded. Crashed, and said so."""

import ctypes

ctypes.string_at(0)


def f(x):
    return x
