"""Says as which user it runs, and leaves a child behind."""

import os
import time


def f(x):
    if os.fork() == 0:
        while True:
            time.sleep(0.01)
    return os.getuid()
