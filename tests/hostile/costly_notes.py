"""Sends a tensor where a note belongs, whose text takes long to write. The judge writes no such
text."""

import sys

import torch


def f(x):
    frame = sys._getframe()
    while type(frame.f_locals.get("self")).__name__ != "Worker":
        frame = frame.f_back
    worker = frame.f_locals["self"]
    long = torch.ones([6] * 7, dtype=torch.uint8)
    worker.channel.send((worker.number, "value", x + 1, [], [long]))
    return x + 1


def honest(x):
    return x + 1
