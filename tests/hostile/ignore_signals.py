"""Blocks and ignores every signal, then sleeps. Times out."""

import contextlib
import signal
import time


def f(x):
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(3600)


def honest(x):
    return x + 1
