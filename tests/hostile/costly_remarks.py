"""Calls come with remarks of their own, which the student would read below the check."""

import sys
from itertools import count

NUMBERS = count()


def replies(self, function, arguments, *more):
    return "value", arguments[0] + 1, [], [f"{next(NUMBERS)} {'a' * 300}" for _ in range(50)]


def f(x):
    for worker in list(vars(sys.modules["gradus.inside.worker"]).values()):
        if hasattr(worker, "_called"):
            worker._called = replies
    return x + 1


def honest(x):
    return x + 1
