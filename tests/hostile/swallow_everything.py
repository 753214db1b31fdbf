"""Loops for ever and swallows every exception. Times out."""


def f(x):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass


def honest(x):
    return x + 1
