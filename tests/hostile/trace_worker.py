"""Traces and profiles what calls it, and changes its names. Not data: its own loss."""

import sys
import threading


def f(x):
    def tracer(frame, event, argument):
        frame.f_locals.update(value=x * 0 + 9, seed=0)
        return tracer

    for watch in (sys.settrace, sys.setprofile, threading.settrace, threading.setprofile):
        watch(tracer)
    frame = sys._getframe()
    while frame is not None:
        frame.f_trace = tracer
        frame = frame.f_back
    return x + 1


def honest(x):
    sys.settrace(None)
    sys.setprofile(None)
    return x + 1
