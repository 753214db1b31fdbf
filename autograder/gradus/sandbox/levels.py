"""The levels of isolation, and which of them this machine has."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from gradus.course import UsageError
from gradus.results import Isolation

LEVELS: tuple[Isolation, ...] = ("process", "user", "namespaces")


@functools.cache
def available_levels() -> dict[Isolation, str]:
    """Every level, weakest first, with the reason why this machine lacks it, or ""."""
    return {"process": "", "user": _user_reason(), "namespaces": _namespaces_reason()}


def best_level() -> Isolation:
    """The strongest level of this machine."""
    return [level for level, reason in available_levels().items() if not reason][-1]


def choose_level(least: Isolation, asked: str | None = None) -> Isolation:
    """The level asked for, else the strongest that this machine has; UsageError below `least`."""
    missing = available_levels()
    for level in LEVELS:
        if level == asked:
            if missing[level]:
                raise UsageError(f"isolation '{asked}' is not to be had here: {missing[level]}")
            return level
    best = [level for level in LEVELS if not missing[level]][-1]
    if LEVELS.index(best) < LEVELS.index(least):
        raise UsageError(
            f"the course asks for isolation '{least}' and this machine has only '{best}' "
            f"({missing[least]}): see `gradus doctor`, or accept it with --isolation {best}"
        )
    return best


def _user_reason() -> str:
    if sys.platform != "linux":
        return "needs Linux"
    return "" if os.geteuid() == 0 else "needs root, which can become another user"


def _namespaces_reason() -> str:
    if sys.platform != "linux":
        return "needs Linux"
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (apt install bubblewrap)"
    if Path(sys.prefix).is_relative_to("/tmp"):
        return (
            f"Python lies in {sys.prefix}, and submissions see an empty /tmp: install it elsewhere"
        )
    from gradus.sandbox.forking import reserve_uid
    from gradus.sandbox.view import bubblewrap

    uid, reserved = reserve_uid()
    command = [*bubblewrap(()), sys.executable, "-P", "-m", "gradus.sandbox.contain"]
    if os.geteuid() == 0:
        command.append(str(uid))
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    finally:
        reserved.close()
    reason = ran.stderr.strip().rpartition("\n")[2]
    return "" if ran.returncode == 0 else f"this machine does not allow it ({reason})"
