"""Tries to write wherever a score could come from. Returns where that succeeded: nowhere."""

import os
import sys

import torch

import gradus


def f(x):
    home = os.getcwd()
    places = [*sys.path, os.path.dirname(torch.__file__), *gradus.__path__, "/", "/root"]
    places += ["/usr/lib", "/etc", "/var/tmp", sys.prefix, os.path.dirname(sys.prefix)]
    places += [os.path.dirname(home)] if home != "/tmp" else []
    written = []
    for place in places:
        for name in ("conftest.py", "results.json", "sitecustomize.py", "torch.py"):
            path = os.path.join(place or home + "/x", "hostile-" + name)
            try:
                with open(path, "w") as file:
                    file.write("score = 100")
                written.append(path)
                os.unlink(path)
            except OSError:
                pass
    return written


def honest(x):
    return x + 1
