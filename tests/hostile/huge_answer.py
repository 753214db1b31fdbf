"""Has the judge multiply two small tensors into one that is too large to send. An error of its own.

Given a function of the judge's, as a stand-in is one.
"""

import torch


def f(x, multiply):
    return multiply(torch.ones(2000, 1), torch.ones(1, 2000))


def honest(x):
    return x + 1
