"""Tries to trace, stop, read and kill every process. Returns what it could do: nothing."""

import contextlib
import ctypes
import os
import signal


def f(x):
    libc = ctypes.CDLL(None, use_errno=True)
    done, own = [], os.getpid()
    for pid in [os.getppid(), *range(1, 5000)]:
        if pid in (0, own):
            continue
        if libc.ptrace(16, pid, None, None) == 0:
            done.append(f"traced {pid}")
        try:
            os.kill(pid, signal.SIGKILL)
            done.append(f"killed {pid}")
        except OSError:
            pass
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                file.read()
            done.append(f"read {pid}")
        except OSError:
            pass
    with contextlib.suppress(OSError):
        os.kill(-1, signal.SIGKILL)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -20)
        done.append("priority")
    except OSError:
        pass
    return done


def honest(x):
    return x + 1
