"""Returns an integer of a million digits, and one as a key. Not data."""


def f(x):
    return {1 << 10_000_000: 1 << 10_000_000}


def honest(x):
    return x + 1
