"""Replaces what finds changed inputs by what returns no list. Not data."""

import sys


def f(x):
    sys.modules["gradus.inside.changes"].changed = lambda *_: {"x": x}
    return x + 1


def honest(x):
    return x + 1
