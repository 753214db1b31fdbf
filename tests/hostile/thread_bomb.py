"""Starts threads that print for ever and returns the right value. Nothing of them is left."""

import threading


def chatter():
    while True:
        print("noise")


def f(x):
    for _ in range(1000):
        try:
            threading.Thread(target=chatter, daemon=False).start()
        except BaseException:
            break
    return x + 1


def honest(x):
    return x + 1
