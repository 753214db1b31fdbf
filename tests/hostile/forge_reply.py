"""Walks the frames to the worker, sends a reply of its own and patches what it finds.

A forged value is just a value; the real one after it is out of turn, which ends the process.
"""

import gc
import sys


def f(x):
    frame = sys._getframe()
    worker = None
    while frame is not None:
        mine = frame.f_locals.get("self")
        worker = mine if hasattr(mine, "channel") else worker
        frame = frame.f_back
    for thing in gc.get_objects():
        if type(thing).__name__ == "Channel":
            thing.limit = 1 << 62
    worker.guard = None
    worker.channel.send((worker.number, "value", x - 7, [], []))
    return x + 1


def honest(x):
    return x + 1
