"""Returns a generator that never ends. Not data: too many."""


def f(x):
    while True:
        yield 0


def honest(x):
    return x + 1
