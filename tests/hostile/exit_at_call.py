"""Raises SystemExit when called. An error of this function, and of no other."""

import sys


def f(x):
    sys.exit(0)


def honest(x):
    return x + 1
