"""Raises what an `except Exception` does not catch. An error."""


class Unusual(BaseException):
    pass


def f(x):
    raise Unusual("not an Exception")


def g(x):
    raise KeyboardInterrupt


def h(x):
    raise GeneratorExit


def honest(x):
    return x + 1
