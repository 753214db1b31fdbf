"""Puts a full pipe in the place of its output, and computes elsewhere meanwhile. Times out."""

import os
import sys
import threading


def spin():
    while True:
        pass


def f(x):
    _, writer = os.pipe()
    os.dup2(writer, 1)
    threading.Thread(target=spin, daemon=True).start()
    sys.stdout.buffer.write(b"x" * (1 << 20))
    return x + 1


def honest(x):
    return x + 1
