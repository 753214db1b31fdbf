"""Raises an exception with a text of 100 MB. An error, with a short text."""


def f(x):
    raise ValueError("x" * 100_000_000)


def honest(x):
    return x + 1
