"""Sends an error that is all orders to a terminal, half a megabyte of them. One clean line."""

import sys


def f(x):
    frame = sys._getframe()
    while type(frame.f_locals.get("self")).__name__ != "Worker":
        frame = frame.f_back
    worker = frame.f_locals["self"]
    text = "\x1b[2J\n\u202e\ud800" * 50_000
    worker.channel.send((worker.number, "forbidden", text, text))
    return x + 1


def honest(x):
    return x + 1
