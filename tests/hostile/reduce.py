"""Returns an object that runs code when it is unpickled. Nothing is ever unpickled: a handle."""

import os


class Bomb:
    def __reduce__(self):
        return os.abort, ()

    __getstate__ = __reduce_ex__ = __copy__ = __deepcopy__ = __reduce__


def f(x):
    return [Bomb(), {"again": Bomb()}]


def honest(x):
    return x + 1
