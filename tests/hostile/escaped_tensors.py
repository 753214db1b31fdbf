"""Returns tensors that live in one of torch's transformations only. Not data."""

import torch


def f(x):
    escaped = []
    torch.func.vmap(lambda row: escaped.append(row) or row * 1)(x)
    return escaped


def honest(x):
    return x + 1
