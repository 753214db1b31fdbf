"""Has a signal raise an exception every millisecond in what sends its reply. Killed."""

import signal


def storm(number, frame):
    raise KeyboardInterrupt


def f(x):
    signal.signal(signal.SIGALRM, storm)
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.001)
    return [x] * 30_000


def honest(x):
    return x + 1
