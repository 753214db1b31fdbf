"""Returns a few lists that share themselves into billions of items. Not data: too many."""


def f(x):
    value = [0] * 1000
    for _ in range(20):
        value = [value] * 1000
    return value


def honest(x):
    return x + 1
