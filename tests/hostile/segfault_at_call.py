"""A segmentation fault when called. Killed, and said so."""

import ctypes


def f(x):
    return ctypes.string_at(0)


def honest(x):
    return x + 1
