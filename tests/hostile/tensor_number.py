"""Sends a tensor in place of its reply's number, which no "if" can compare with one. Not data."""

import sys

import torch


def f(x):
    frame = sys._getframe()
    while type(frame.f_locals.get("self")).__name__ != "Worker":
        frame = frame.f_back
    worker = frame.f_locals["self"]
    worker.channel.send((torch.tensor([worker.number] * 2), "value", x, [], []))
    return x + 1


def honest(x):
    return x + 1
