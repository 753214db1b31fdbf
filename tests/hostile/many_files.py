"""Makes as many files as it may, or can in half a second. They go, and the next one has room."""

import contextlib
import os
import time


def f(x):
    number, until = 0, time.process_time() + 0.5
    with contextlib.suppress(OSError):
        while time.process_time() < until:
            os.symlink("nowhere", f"link-{(number := number + 1)}")
    return x + 1


def honest(x):
    return x + 1
