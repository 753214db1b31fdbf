"""Ends itself while a child goes on in its place: computes for a second, then answers. Its time
counts as before."""

import os
import time


def f(x):
    if os.fork():
        os._exit(0)
    until = time.process_time() + 1.2
    while time.process_time() < until:
        pass
    return x + 1


def honest(x):
    return x + 1
