"""Ends its whole group of processes. Killed at most, and the next check gets a fresh process."""

import os
import signal


def f(x):
    os.killpg(0, signal.SIGKILL)
    return x


def honest(x):
    return x + 1
