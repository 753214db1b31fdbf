"""Passes open files along with its reply. The judge takes none of them."""

import array
import os
import socket
import sys


def f(x):
    frame = sys._getframe()
    while type(frame.f_locals.get("self")).__name__ != "Worker":
        frame = frame.f_back
    channel = frame.f_locals["self"].channel
    wire = channel.sock

    class Passing:
        settimeout = wire.settimeout

        def send(self, data):
            channel.sock = wire
            files = array.array("i", [os.open("/dev/zero", os.O_RDONLY) for _ in range(100)])
            return wire.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])

    channel.sock = Passing()
    return x + 1


def honest(x):
    return x + 1
