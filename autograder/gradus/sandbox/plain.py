"""Level `process`: plain children, with limits where there are any.

`python -P -m gradus.sandbox.plain SOCKET MESSAGE_BYTES MEMORY_MB DISK_MB` is such a child.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any

from gradus.sandbox.cpu import cpu_seconds
from gradus.sandbox.process import Bounds, Output, child_environment, explain_exit, remove_tree
from gradus.wire.channel import Channel


class ProcessWorker:
    """Level `process`: a plain child, in an empty directory, with limits where there are any."""

    def __init__(self, limits: Bounds) -> None:
        self._limits = limits
        self._home = tempfile.mkdtemp(prefix="gradus-")
        self.output = Output(limits.output_kb)
        ours, theirs = socket.socketpair()
        size = str(limits.message_mb << 20)
        options: dict[str, Any] = {"stdin": subprocess.PIPE}
        number = "-"
        if sys.platform != "win32":
            options = {"stdin": subprocess.DEVNULL, "start_new_session": True}
            options["pass_fds"] = [theirs.fileno()]
            number = str(theirs.fileno())
        command = [sys.executable, "-P", "-m", "gradus.sandbox.plain", number, size]
        command += [str(limits.memory_mb), str(limits.disk_mb)]
        self._process = subprocess.Popen(
            command,
            cwd=self._home,
            env=child_environment(self._home),
            stdout=self.output.fileno(),
            stderr=self.output.fileno(),
            **options,
        )
        if sys.platform == "win32":
            shared = theirs.share(self._process.pid)
            assert self._process.stdin is not None
            self._process.stdin.write(len(shared).to_bytes(4, "little") + shared)
            self._process.stdin.close()
        theirs.close()
        self.channel = Channel(ours, limits.message_mb << 20)

    def cpu_seconds(self) -> float:
        return cpu_seconds(self._process.pid)

    def kill(self, grace: float = 0.0) -> str:
        self.channel.close()
        try:
            code: int | None = self._process.wait(grace)
        except subprocess.TimeoutExpired:
            code = None
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self.output.close()
        remove_tree(self._home)
        return explain_exit(code, self._limits.memory_mb)


class PlainForkedWorker:
    """Level `process` for a student's own check on Linux: a fork, so that torch is imported once.

    It shares the judge's memory as it was, so the judge must not hold anything secret.
    """

    def __init__(self, limits: Bounds) -> None:
        from gradus.inside import worker
        from gradus.sandbox import contain

        self._limits = limits
        self._home = tempfile.mkdtemp(prefix="gradus-")
        self.output = Output(limits.output_kb)
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if not self._pid:
            try:
                os.setsid()
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(self.output.fileno(), 1)
                os.dup2(self.output.fileno(), 2)
                contain.close_descriptors([theirs.fileno()])
                environment = child_environment(self._home)
                os.environ.clear()
                os.environ.update(environment)
                os.chdir(self._home)
                contain.limit_resources(limits.memory_mb, limits.disk_mb)
                worker.run(theirs, limits.message_mb << 20)
            finally:
                os._exit(1)
        theirs.close()
        self.channel = Channel(ours, limits.message_mb << 20)

    def cpu_seconds(self) -> float:
        return cpu_seconds(self._pid)

    def kill(self, grace: float = 0.0) -> str:
        self.channel.close()
        until = time.monotonic() + grace
        ended, status = os.waitpid(self._pid, os.WNOHANG)
        while not ended and time.monotonic() < until:
            time.sleep(0.002)
            ended, status = os.waitpid(self._pid, os.WNOHANG)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        if not ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)  # before setsid there is no group of its own
            os.waitpid(self._pid, 0)
        self.output.close()
        remove_tree(self._home)
        code = os.waitstatus_to_exitcode(status) if ended else None
        return explain_exit(code, self._limits.memory_mb)


def _connect(number: str) -> socket.socket:
    """The judge's socket: an inherited descriptor, or shared through stdin on Windows."""
    if sys.platform == "win32":
        size = int.from_bytes(sys.stdin.buffer.read(4), "little")
        return socket.fromshare(sys.stdin.buffer.read(size))
    return socket.socket(fileno=int(number))


def main() -> None:
    """The child: limits itself and runs a submission."""
    gc.disable()  # imports make many objects and no garbage: a quarter of their time
    from gradus.inside import worker  # imports torch, which the judge's side does without

    gc.enable()
    if sys.platform != "win32":
        from gradus.sandbox.contain import limit_resources

        linux = sys.platform == "linux"  # elsewhere the address space says nothing about memory
        limit_resources(int(sys.argv[3]) if linux else 0, int(sys.argv[4]))
    worker.run(_connect(sys.argv[1]), int(sys.argv[2]))


if __name__ == "__main__":
    main()
