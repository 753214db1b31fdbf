"""Stops its process with SIGSTOP, or sleeps where that has no effect. Times out."""

import os
import signal
import time


def f(x):
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(3600)


def honest(x):
    return x + 1
