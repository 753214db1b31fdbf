"""Takes all memory and goes on after each MemoryError. Times out or is killed."""


def f(x):
    hoard = []
    while True:
        try:
            while True:
                hoard.append(bytearray(1 << 20))
        except MemoryError:
            pass


def honest(x):
    return x + 1
