"""Puts orders to a terminal, line breaks and broken text wherever a report might show it. Blank."""

import sys

ORDERS = "\x1b]0;owned\x07\x1b[2J\r\n\u202e\ud800"
globals()[ORDERS] = lambda x: x
print(ORDERS)
sys.stderr.buffer.write(b"\xff\xfe\0\x1b[2J")

Nasty = type(ORDERS, (ValueError,), {})


def f(x):
    x.add_(1)
    print(ORDERS)
    raise Nasty(ORDERS)


def honest(x):
    return x + 1
