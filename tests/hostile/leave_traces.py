"""Leaves everything that it can for the next submission: files, modules, shared memory, a shadow.

The test then asks the next submission what it finds (tests/hostile/next_one.py).
"""

import builtins
import contextlib
import ctypes
import os
import sys
from multiprocessing import shared_memory

import torch

builtins.gradus_trace = torch.gradus_trace = os.gradus_trace = True
torch.exp = None
sys.path.insert(0, os.getcwd())


def f(x):
    for folder in (os.getcwd(), os.environ["HOME"], "/tmp", "/var/tmp", "/dev/shm", "/"):
        for name in ("gradus-trace", "conftest.py", "torch.py", "sitecustomize.py"):
            try:
                with open(os.path.join(folder, name), "w") as file:
                    file.write("raise SystemExit")
            except OSError:
                pass
    with contextlib.suppress(OSError):
        shared_memory.SharedMemory("gradus-trace", create=True, size=64)
    ctypes.CDLL(None).shmget(0x67726164, 4096, 0o1666)
    return x + 1


def honest(x):
    return x + 1
