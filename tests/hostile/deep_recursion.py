"""Lifts the recursion limit and overflows the stack of C. Killed."""

import sys


def f(x):
    sys.setrecursionlimit(1 << 30)
    nested = []
    for _ in range(1 << 16):
        nested = [nested]
    return repr(nested)


def honest(x):
    return x + 1
