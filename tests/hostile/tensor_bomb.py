"""Asks torch for more memory than there is. Out of memory."""

import torch


def f(x):
    return torch.ones(1 << 40).sum()


def honest(x):
    return x + 1
