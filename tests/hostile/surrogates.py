"""Prints and raises halves of characters, which no file can hold. An error with a text."""


def f(x):
    print("half: \udc80")
    raise type("E\udfff", (ValueError,), {})("\ud800 " * 1000)


def honest(x):
    return x + 1
