"""Ends its process while it is loaded, with a status that looks like success. Crashed."""

import os


def f(x):
    return x


os._exit(0)
