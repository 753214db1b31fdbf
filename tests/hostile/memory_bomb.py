"""Takes all memory, a little at a time. Out of memory, and the machine is well."""


def f(x):
    hoard = []
    while True:
        hoard.append(bytearray(1 << 20))


def honest(x):
    return x + 1
