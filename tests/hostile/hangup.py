"""Ends its half of the conversation with the judge, and goes on. Killed."""

import os
import socket
import time


def f(x):
    for descriptor in range(3, 32):
        try:
            with socket.socket(fileno=os.dup(descriptor)) as wire:
                wire.shutdown(socket.SHUT_WR)
        except OSError:
            continue
    time.sleep(3600)


def honest(x):
    return x + 1
