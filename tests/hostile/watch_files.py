"""Watches what others do to files that are not its own. Returns what it could watch: nothing."""

import ctypes
import fcntl
import os


def f(x):
    libc = ctypes.CDLL(None)
    watched = []
    watcher = libc.inotify_init()
    for path in (os.__file__, os.path.dirname(os.__file__), "/dev/null"):
        if libc.inotify_add_watch(watcher, path.encode(), 0xFFF) >= 0:
            watched.append(path)
    folder = os.open(os.path.dirname(os.__file__), os.O_RDONLY)
    try:
        fcntl.fcntl(folder, 1026, 1)  # F_NOTIFY
        watched.append("by signals")
    except OSError:
        pass
    for flags in (0, 0x200, 0x600):
        if libc.fanotify_init(flags, 0) >= 0:
            watched.append(f"fanotify {flags:x}")
    return watched


def honest(x):
    return x + 1
