"""Not an attack: the submission after one. Reports every trace that it finds of another."""

import builtins
import ctypes
import os

import torch


def f(x):
    found = [n for m in (builtins, torch, os) for n in ("gradus_trace",) if hasattr(m, n)]
    if os.listdir("."):
        found.append(f"not empty: {os.listdir('.')}")
    for folder in (os.environ["HOME"], "/tmp", "/var/tmp", "/dev/shm", "/"):
        for name in ("gradus-trace", "conftest.py", "torch.py", "sitecustomize.py"):
            if os.access(os.path.join(folder, name), os.R_OK):
                found.append(os.path.join(folder, name))
    if ctypes.CDLL(None).shmget(0x67726164, 4096, 0) >= 0:
        found.append("shared memory")
    if os.getpriority(os.PRIO_PROCESS, 0) == 17:  # hostile/renice
        found.append("priority")
    if torch.exp(x * 0).sum() != 3:
        found.append("torch.exp")
    return found


def honest(x):
    return x + 1
