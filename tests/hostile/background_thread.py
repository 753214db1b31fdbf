"""Goes on computing in threads when its call is over. A value, and nothing of them is left."""

import threading


def f(x):
    def spin():
        while True:
            pass

    for _ in range(3):
        threading.Thread(target=spin, daemon=True).start()
    return x + 1


def honest(x):
    return x + 1
