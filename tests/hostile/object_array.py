"""Returns arrays of objects, of text and of records. Not data."""

import numpy as np


def f(x):
    return [
        np.array([open, None], dtype=object),
        np.array(["text"]),
        np.zeros(2, dtype=[("a", "i4"), ("b", "f8")]),
        np.ma.masked_array([1.0], mask=[True]),
    ]


def honest(x):
    return x + 1
