"""Makes directories so deep that removing them recursively would overflow. They are removed."""

import os


def f(x):
    for _ in range(3000):
        os.mkdir("d")
        os.chdir("d")
    return x + 1


def honest(x):
    return x + 1
