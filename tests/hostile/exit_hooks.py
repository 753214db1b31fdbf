"""Registers exit handlers and finalisers that never end. The end does not ask them."""

import atexit
import time


class Sticky:
    def __del__(self):
        time.sleep(3600)


atexit.register(time.sleep, 3600)
keep = Sticky()


def f(x):
    return x + 1


def honest(x):
    return x + 1
