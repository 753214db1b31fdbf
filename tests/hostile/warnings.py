"""Turns every warning into an exception and prints to closed streams. An ordinary value."""

import sys
import warnings

warnings.simplefilter("error")


def f(x):
    sys.stdout.close()
    sys.stderr = None
    return x + 1


def honest(x):
    return x + 1
