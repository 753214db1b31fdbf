"""Tries to reach the world, the machine and its daemons. Returns what answered: nothing."""

import socket


def f(x):
    reached = []
    for family, address in [
        (socket.AF_INET, ("127.0.0.1", 22)),
        (socket.AF_INET, ("1.1.1.1", 53)),
        (socket.AF_INET6, ("::1", 22)),
        (socket.AF_UNIX, "/run/docker.sock"),
    ]:
        try:
            with socket.socket(family) as sock:
                sock.settimeout(0.1)
                sock.connect(address)
                reached.append(str(address))
        except ConnectionRefusedError:
            reached.append(f"{address} exists")
        except OSError:
            pass
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"x", ("127.0.0.1", 9))
            reached.append("datagram")
    except OSError:
        pass
    return reached


def honest(x):
    return x + 1
