"""Changes what the whole machine shares: its name, its clock, its ports. Returns which calls were
not refused."""

import contextlib
import ctypes
import errno
import platform
import socket
import time


def f(x):
    libc, allowed = ctypes.CDLL(None, use_errno=True), []
    name = socket.gethostname().encode()
    calls = {
        "sethostname": (170, name, len(name)),
        "adjtimex": (159, (ctypes.c_long * 32)(0x100)),
        "reboot": (169, 0xFEE1DEAD, 672274793, 0),  # only who obeys Ctrl-Alt-Del
        "iopl": (172, 3),
        "ioperm": (173, 0x80, 1, 1),
        "vhangup": (153,),
    }
    for name, call in calls.items() if platform.machine() == "x86_64" else ():
        if libc.syscall(*call) >= 0 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
            allowed.append(f"{name}: {ctypes.get_errno()}")
    with contextlib.suppress(OSError):
        time.clock_settime(time.CLOCK_REALTIME, time.time())
        allowed.append("clock_settime")
    return allowed


def honest(x):
    return x + 1
