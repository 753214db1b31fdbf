"""Raises an error that is its own cause, around errors nested a thousand deep. An error."""


def f(x):
    group = ValueError("innermost")
    for _ in range(1000):
        group = ExceptionGroup("deeper", [group])
    group.__cause__ = group.__context__ = group
    raise group


def honest(x):
    return x + 1
