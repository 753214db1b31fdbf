"""Asks for every core of the machine. Returns how it could: in no way."""

import os


def f(x):
    try:
        os.sched_setaffinity(0, range(os.cpu_count()))
    except PermissionError:
        return []
    return ["sched_setaffinity"]


def honest(x):
    return x + 1
