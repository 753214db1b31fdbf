"""Turns one end of a pair of sockets to the machine's daemons. Nothing reaches them."""

import contextlib
import socket


def f(x):
    for name in ("\0gradus-daemon", "/tmp/gradus-daemon", "/dev/log"):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with contextlib.suppress(OSError):
                one, _ = socket.socketpair(socket.AF_UNIX, kind)
                with contextlib.suppress(OSError):
                    one.sendto(b"sent", name)
                one.connect(name)
                one.send(b"connected")
    return x + 1


def honest(x):
    return x + 1
