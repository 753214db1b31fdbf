"""Makes the file that its output goes to enormous, and clears its append flag. Bounded."""

import contextlib
import fcntl
import os


def f(x):
    fcntl.fcntl(1, fcntl.F_SETFL, 0)
    with contextlib.suppress(OSError):
        os.ftruncate(1, 1 << 40)
    os.lseek(1, 1 << 20, 0)
    os.write(1, b"far away")
    return x + 1


def honest(x):
    return x + 1
