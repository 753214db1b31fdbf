"""Starts programs: another Python has no guard. Returns what has run: nothing."""

import ctypes
import os
import subprocess
import sys


def f(x):
    ran = []
    for start in (
        lambda: subprocess.check_output([sys.executable, "-c", "print(1)"]),
        lambda: subprocess.check_output("echo 1", shell=True),
        lambda: os.popen("echo 1").read() and None,
        lambda: os.posix_spawn("/bin/true", ["true"], {}),
    ):
        try:
            done = start()
            if done:
                ran.append(str(done))
        except OSError:
            pass
    pid = os.fork()
    if not pid:
        libc = ctypes.CDLL(None)
        argv = (ctypes.c_char_p * 2)(sys.executable.encode(), None)
        libc.syscall(322, -100, sys.executable.encode(), argv, None, 0)
        os._exit(7)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 7:
        ran.append("execveat")
    return ran


def honest(x):
    return x + 1
