"""Makes system calls by the 32-bit interface, whose numbers mean others. Killed."""

import ctypes
import mmap
import os
import platform
import signal


def f(x):
    if platform.machine() != "x86_64":
        os.kill(os.getpid(), signal.SIGKILL)
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("53 b8 14 00 00 00 cd 80 5b c3"))  # getpid by int 0x80
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)()


def honest(x):
    return x + 1
