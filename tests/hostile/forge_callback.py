"""Asks the judge to run functions that it never offered. Not data."""

import sys


def f(x):
    frame = sys._getframe()
    worker = None
    while frame is not None:
        mine = frame.f_locals.get("self")
        worker = mine if hasattr(mine, "channel") else worker
        frame = frame.f_back
    for ident in (-1, 0, 1 << 40, True):
        worker.channel.send((worker.number, "callback", ident, ("id",), {}))
    return x + 1


def honest(x):
    return x + 1
