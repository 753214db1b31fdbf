"""Returns a boolean tensor whose bytes are neither 0 nor 1. It arrives as honest booleans."""

import torch


def f(x):
    return torch.full((3,), 7, dtype=torch.uint8).view(torch.bool)


def honest(x):
    return x + 1
