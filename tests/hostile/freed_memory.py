"""Returns a tensor over memory that it gave back. A segmentation fault of its own: killed."""

import ctypes
import mmap

import torch


def f(x):
    memory = mmap.mmap(-1, 4096)
    value = torch.frombuffer(memory, dtype=torch.float32)
    ctypes.CDLL(None).munmap(ctypes.c_void_p(value.data_ptr()), ctypes.c_size_t(4096))
    return value


def honest(x):
    return x + 1
