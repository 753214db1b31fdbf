"""Has tracebacks dumped to its socket from a thread without Python. Not data."""

import faulthandler
import time


def f(x):
    for descriptor in range(3, 16):
        try:
            faulthandler.dump_traceback_later(0.001, file=descriptor)
        except (OSError, ValueError):
            continue
        time.sleep(0.02)
    return x + 1


def honest(x):
    return x + 1
