"""Sends a reply a byte at a time, in good time. It is read as any other."""

import sys


def f(x):
    frame = sys._getframe()
    while type(frame.f_locals.get("self")).__name__ != "Worker":
        frame = frame.f_back
    channel = frame.f_locals["self"].channel

    class Slow:
        def __init__(self, sock):
            self.sock = sock

        def send(self, data):
            return self.sock.send(data[:1])

        def __getattr__(self, name):
            return getattr(self.sock, name)

    channel.sock = Slow(channel.sock)
    return x + 1


def honest(x):
    return x + 1
