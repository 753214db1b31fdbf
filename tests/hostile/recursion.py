"""Recurses for ever. An error."""


def f(x):
    return f(x)


def honest(x):
    return x + 1
