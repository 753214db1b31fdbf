"""Ends itself while a child keeps the socket to the judge open. Times out or is killed."""

import os
import time


def f(x):
    if os.fork() == 0:
        while True:
            time.sleep(0.01)
    os._exit(0)


def honest(x):
    return x + 1
