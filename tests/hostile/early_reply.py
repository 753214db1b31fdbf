"""Answers requests that were not made yet. Not data: its process ends with what it has sent."""

import sys


def f(x):
    frame = sys._getframe()
    while type(frame.f_locals.get("self")).__name__ != "Worker":
        frame = frame.f_back
    worker = frame.f_locals["self"]
    for later in (1, 2, 3):
        worker.channel.send((worker.number + later, "value", x - 7, [], []))
    return x + 1


def honest(x):
    return x + 1
