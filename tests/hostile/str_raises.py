"""Raises an exception whose text, class and name cannot be had. An error, with no text."""


class Meta(type):
    @property
    def __name__(cls):
        raise SystemExit


class Nasty(Exception, metaclass=Meta):
    def __str__(self):
        raise KeyboardInterrupt

    __repr__ = __str__


def f(x):
    raise Nasty


def honest(x):
    return x + 1
