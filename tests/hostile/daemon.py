"""Leaves a daemon that holds every descriptor and is refused a session of its own. It ends with
the rest."""

import contextlib
import os
import signal
import time


def f(x):
    if os.fork() == 0:
        for leave in (os.setsid, lambda: os.setpgid(0, 0)):
            with contextlib.suppress(OSError):
                leave()
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_IGN)
        if os.fork() == 0:
            while True:
                time.sleep(0.01)
        os._exit(0)
    return x + 1


def honest(x):
    return x + 1
