"""Ends itself by a signal that has no name. Killed, or ignored by process 1 of a namespace."""

import os
import signal


def f(x):
    signal.signal(40, signal.SIG_DFL)
    os.kill(os.getpid(), 40)
    return x + 1


def honest(x):
    return x + 1
