"""Computes in children that end soon and for which nobody waits. Their time counts."""

import os
import signal
import time


def f(x):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in range(24):
        reader, writer = os.pipe()
        if os.fork() == 0:
            until = time.process_time() + 0.05
            while time.process_time() < until:
                pass
            os._exit(0)
        os.close(writer)
        os.read(reader, 1)
        os.close(reader)
    return x + 1


def honest(x):
    return x + 1
