"""Ends its process when called, with a status that looks like success. Killed."""

import os


def f(x):
    os._exit(0)


def honest(x):
    return x + 1
