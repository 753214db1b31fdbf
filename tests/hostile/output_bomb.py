"""Prints for ever. Bounded: an error, a time-out or an end, and a clipped output."""


def f(x):
    while True:
        print("x" * 100_000)


def honest(x):
    return x + 1
