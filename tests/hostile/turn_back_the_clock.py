"""Makes every clock of its process stand still. Times out: the judge keeps the time."""

import time

time.time = time.monotonic = time.perf_counter = lambda: 0.0


def f(x):
    while time.monotonic() < 1:
        pass


def honest(x):
    return x + 1
