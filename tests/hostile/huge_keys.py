"""A dict in place of the result, whose keys a message would quote: megabytes of them."""


def f(x):
    return {f"{i:07}<script>\x1b]0;" * 10: 0 for i in range(10_000)}


def honest(x):
    return x + 1
