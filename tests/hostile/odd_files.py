"""Leaves pipes, loops of links, closed folders and names that no shell likes. They are removed."""

import os


def f(x):
    os.mkfifo("pipe")
    os.symlink("loop", "loop")
    os.symlink("/etc/passwd", "link")
    for name in ("-rf", "a\nb", " ", "*", "\x1b[2J", "é" * 100):
        os.makedirs(os.path.join(name, "deeper"))
    os.mkdir("closed")
    open("closed/file", "w").close()
    os.chmod("closed", 0)
    return x + 1


def honest(x):
    return x + 1
