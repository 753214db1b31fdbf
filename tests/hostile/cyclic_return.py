"""Returns a list that contains itself. Not data: too deep."""


def f(x):
    endless = []
    endless.append(endless)
    return endless


def honest(x):
    return x + 1
