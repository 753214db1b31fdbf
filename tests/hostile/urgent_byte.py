"""Sends urgent data between the replies. Killed, not data, or an ordinary value."""

import contextlib
import os
import socket


def f(x):
    for descriptor in range(3, 32):
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as wire:
            wire.send(b"!", socket.MSG_OOB)
    return x + 1


def honest(x):
    return x + 1
