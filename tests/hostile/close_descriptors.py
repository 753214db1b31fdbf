"""Closes every descriptor it has. Killed, and the next check gets a fresh process."""

import os


def f(x):
    os.closerange(0, 4096)
    return x + 1


def honest(x):
    return x + 1
