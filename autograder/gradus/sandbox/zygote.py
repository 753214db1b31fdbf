"""A process with torch imported that forks once per submission, and never runs foreign code.

It takes requests from the judge over a control socket (one packet each, descriptors beside it),
says how each child ended, and dies with the judge's end of the socket.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import tempfile
import time
from typing import Any

import msgpack

from gradus.sandbox import contain
from gradus.sandbox.cpu import cpu_seconds

LAST_SECONDS = 2.0  # for processes that were killed to be gone
NOBODY = 65534
FAILED = 97  # exit status of a child that could not be contained


class Zygote:
    """`config` holds level, uid (to drop to, at `namespaces`), what children may read, the device,
    and what the topic forbids."""

    def __init__(self, control: socket.socket, config: dict[str, Any]) -> None:
        self.control = control
        self.config = config
        self.namespaces = config["level"] == "namespaces"
        self.children: dict[int, int] = {}  # request → pid
        self.pipes: dict[int, int] = {}  # request → where the pid within namespaces can be read
        self.uids: dict[int, int] = {}  # request → uid
        self.exits: dict[int, int] = {}  # pid → exit code
        self.used: dict[int, float] = {}  # pid of one that has ended → seconds that it had computed
        self.orphans = 0.0  # seconds that adopted processes had computed when they ended

    def serve(self) -> None:
        """Until the judge is gone; then, or when something fails, ends what is left."""
        contain.adopt_orphans()
        try:
            self.control.send(msgpack.packb(["ready", 0, None]))
            while self.answer():
                pass
        finally:
            for ident in list(self.children):
                self.end(ident, 0.0)
            if "base" in self.config:  # a judge that was killed cannot remove it
                os.execvp("rm", ["rm", "-rf", "--", self.config["base"]])

    def answer(self) -> bool:
        """Waits for a request, or a second; False when the judge is gone."""
        ready, _, _ = select.select([self.control], [], [], 1.0)
        self.reap()
        if not ready:
            return True
        packet, descriptors, _, _ = socket.recv_fds(self.control, 1 << 16, 2)
        if not packet:
            return False
        name, ident, spec = msgpack.unpackb(packet)
        if name == "fork":
            self.fork(ident, spec, *descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
        elif name == "cpu":
            pid = self.children.get(ident, 0)
            own = cpu_seconds(pid) + self.used.get(pid, 0.0) if pid else 0.0
            self.control.send(msgpack.packb(["cpu", ident, own + self.orphans]))
        else:
            self.control.send(msgpack.packb(["ended", ident, self.end(ident, spec)]))
        return True

    def fork(self, ident: int, spec: dict[str, Any], sock: int, output: int) -> None:
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            from gradus.inside import worker

            try:
                os.close(reader)
                self.contain(spec, sock, output, writer)
            except BaseException as error:
                os.write(1, f"cannot contain: {error!r}\n".encode())
                os._exit(FAILED)
            try:
                worker.run(socket.socket(fileno=sock), spec["message_bytes"])
            finally:
                os._exit(1)
        os.close(writer)
        self.children[ident], self.pipes[ident], self.uids[ident] = pid, reader, spec["uid"]

    def contain(self, spec: dict[str, Any], sock: int, output: int, writer: int) -> None:
        """Gives up every right, step by step."""
        os.dup2(output, 1)
        os.dup2(output, 2)
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        os.setsid()
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # if the machine runs short, this goes before the judge
        if self.namespaces:
            contain.close_descriptors([sock, writer])
            contain.enter_namespaces()
            self.second_fork(sock, writer)
        else:
            contain.close_descriptors([sock])
        memory_mb = 0 if spec["cuda"] else spec["memory_mb"]
        limits = (memory_mb, spec["disk_mb"], spec["processes"], spec["cpu_seconds"])
        if self.namespaces:
            contain.limit_resources(*limits)
            contain.empty_file_system(spec["disk_mb"], hide_proc=not spec["cuda"])
            contain.drop_capabilities()
        else:
            os.chown(spec["home"], spec["uid"], spec["uid"])
            contain.limit_resources(*limits)
            contain.become(spec["uid"], self.config["capabilities"])
            contain.die_with_parent()
        contain.no_new_privileges()
        if not self.namespaces and contain.landlock_version():
            write = [spec["home"], "/dev/null"]
            contain.landlock(self.config["read"], self.config["names"], write)
        os.environ.update(HOME=spec["home"], TMPDIR=spec["home"])
        os.chdir(spec["home"])
        contain.refuse_system_calls()

    def second_fork(self, sock: int, writer: int) -> None:
        """Returns in process 1 of the new PID namespace; the first waits and ends as it does."""
        pid = os.fork()
        if not pid:
            os.close(writer)
            contain.die_with_parent()
            os.setsid()  # a signal to its own group does not reach the one that waits
            return
        os.write(writer, pid.to_bytes(4, "little"))
        os.closerange(0, 1 << 16)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            with contextlib.suppress(OSError, ValueError):
                signal.signal(-code, signal.SIG_DFL)
            os.kill(os.getpid(), -code)
        os._exit(code)

    def reap(self) -> bool:
        """Collects every child that ended, adopted orphans included; whether others are left."""
        try:
            while True:
                pid, status, used = os.wait4(-1, os.WNOHANG)
                if not pid:
                    return True
                seconds = used.ru_utime + used.ru_stime
                if pid in self.children.values():
                    self.exits[pid], self.used[pid] = os.waitstatus_to_exitcode(status), seconds
                else:
                    self.orphans += seconds
        except ChildProcessError:
            return False

    def end(self, ident: int, grace: float) -> int | None:
        """Ends a child and all that it started; its exit code if it had ended within `grace`."""
        pid, reader = self.children[ident], self.pipes.pop(ident)
        until = time.monotonic() + grace
        self.reap()
        while pid not in self.exits and time.monotonic() < until:
            time.sleep(0.002)
            self.reap()
        code = self.exits.get(pid)
        if self.namespaces:
            if code is None:
                inner = int.from_bytes(os.read(reader, 4), "little")
                with contextlib.suppress(ProcessLookupError):
                    os.kill(inner or pid, signal.SIGKILL)
        else:
            self.kill_group(pid, self.uids[ident])
        while pid not in self.exits:
            time.sleep(0.0005)
            self.reap()
        until = time.monotonic() + LAST_SECONDS
        while len(self.children) == 1 and self.reap() and time.monotonic() < until:
            time.sleep(0.0005)  # what it left ends too, or the next one would pay for that
        os.close(reader)
        del self.exits[pid], self.used[pid], self.uids[ident], self.children[ident]
        return code

    def kill_group(self, pid: int, uid: int) -> None:
        """SIGKILL to a child and all that it started, at one stroke of the kernel.

        Not to whatever has that user id: from here a container's processes can be seen, and it
        may have chosen the same. The one that kills can end that user's processes, but is not
        that user's, so that none of them can end it first.
        """
        killer = os.fork()
        if not killer:
            try:
                if contain.knows_machine():
                    os.setresuid(NOBODY, uid, 0)
                    os.kill(-pid, signal.SIGKILL)
                else:  # where it may have left its group
                    contain.become(uid)
                    os.kill(-1, signal.SIGKILL)
            except ProcessLookupError:
                pass
            finally:
                os._exit(0)
        os.waitpid(killer, 0)


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    config = json.loads(sys.argv[2])
    if config["level"] == "namespaces" and config["uid"]:
        os.chmod("/tmp", 0o1777)  # its own; some packages need one to be imported
        contain.become(config["uid"])
    contain.set_dumpable(False)
    gc.disable()  # imports make many objects and no garbage: a quarter of their time
    from gradus.inside import worker  # imports torch, which should not happen as root

    worker.warm_up(config["forbid"], config["device"])
    tempfile.tempdir = None  # each child has its own
    gc.enable()
    gc.freeze()
    Zygote(control, config).serve()


if __name__ == "__main__":
    main()
