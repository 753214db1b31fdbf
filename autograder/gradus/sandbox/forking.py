"""The judge's side of a zygote: starts it, has it fork a process per submission, ends them."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import random
import socket
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import msgpack

from gradus.results import Isolation
from gradus.sandbox import contain
from gradus.sandbox.process import (
    Bounds,
    Output,
    child_environment,
    explain_exit,
    remove_tree,
)
from gradus.sandbox.view import bubblewrap, hidden_paths, landlock_rules, packages
from gradus.wire.channel import Channel

START_SECONDS = 120.0  # torch from a cold disk
ANSWER_SECONDS = 20.0
UIDS = range(60706, 61184)  # what systemd's allocation of user ids leaves unused


def reserve_uid() -> tuple[int, socket.socket]:
    """A user id that no other judge on this machine uses, until the socket is closed.

    The socket says nothing to another container's judge, so each begins somewhere else: what one
    user may start is counted for the whole machine.
    """
    for uid in random.sample(UIDS, len(UIDS)):
        lock = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(KeyError):
            pwd.getpwuid(uid)
            continue
        try:
            lock.bind(f"\0gradus-uid-{uid}")
            return uid, lock
        except OSError:
            lock.close()
    raise OSError("every user id set aside for submissions is in use")


class ZygoteProcess:
    """A zygote at level `user` or `namespaces`, started when first needed, replaced when dead."""

    def __init__(
        self,
        level: Isolation,
        limits: Bounds,
        device: str,
        forbid_read: Sequence[Path],
        forbid: Collection[str],
    ) -> None:
        self.limits = limits
        self.device = device
        self._level = level
        self._forbid = list(forbid)
        self._forbid_read = tuple(Path(p).resolve() for p in forbid_read)
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lock: socket.socket | None = None
        self._base = ""
        self._log: Output | None = None
        self._is_ready = False
        self._count = 0

    def start(self) -> None:
        """Begins to start it, and does not wait for it."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        config: dict[str, Any] = {"level": self._level, "uid": 0, "capabilities": []}
        config |= {"device": self.device, "forbid": self._forbid}
        prefix: list[str] = []
        if self._level == "namespaces":
            prefix = bubblewrap([*self._forbid_read, *packages(self._forbid)], self.device)
            if os.geteuid() == 0:
                config["uid"], self._lock = reserve_uid()
        else:
            self._base = tempfile.mkdtemp(prefix="gradus-")
            os.chmod(self._base, 0o711)
            config["base"] = self._base
            config |= self._user_rights()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._log = Output(64)
        module = [sys.executable, "-P", "-m", "gradus.sandbox.zygote"]
        self._process = subprocess.Popen(
            [*prefix, *module, str(theirs.fileno()), json.dumps(config)],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self._log.fileno(),
            stderr=self._log.fileno(),
            env=child_environment("/tmp"),
            cwd="/",
            start_new_session=True,
        )
        theirs.close()
        self._control, self._is_ready = ours, False

    def fork(self) -> ZygoteWorker:
        """A fresh contained process; a zygote that died is replaced once."""
        try:
            return self._fork()
        except OSError:
            self.close()
            return self._fork()

    def close(self) -> None:
        """Ends it and, with it, all its children."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(ANSWER_SECONDS if self._level == "user" else 0.05)
            self._process.kill()
            self._process.wait()
        if self._lock is not None:
            self._lock.close()
        if self._log is not None:
            self._log.close()
        if self._base:
            remove_tree(self._base)
        self._process = self._control = self._lock = self._log = None
        self._base = ""

    def end(self, ident: int, grace: float) -> int | None:
        """Ends a child; its exit code if it had ended by itself within `grace` seconds."""
        try:
            self._send(["end", ident, grace], [])
            code = self._receive("ended", ident, ANSWER_SECONDS + grace)
            return code if isinstance(code, int) else None
        except OSError:
            self.close()  # at both levels its children end with it
            return None

    def cpu_seconds(self, ident: int) -> float:
        """What a child and all that it started have computed."""
        try:
            self._send(["cpu", ident, None], [])
            return float(self._receive("cpu", ident, ANSWER_SECONDS))
        except (OSError, TypeError, ValueError):
            return 0.0  # a zygote that is gone ends its children, too

    def _fork(self) -> ZygoteWorker:
        self.start()
        if not self._is_ready:
            try:
                self._receive("ready", 0, START_SECONDS)
            except OSError as error:
                log = self._log.text() if self._log is not None else ""
                raise OSError(f"the zygote does not start: {error} {log[-1000:]}") from None
            self._is_ready = True
        self._count += 1
        return ZygoteWorker(self, self._count, self._level, self._base)

    def _send(self, packet: list[Any], descriptors: list[int]) -> None:
        if self._control is None:
            raise OSError("there is no zygote")
        socket.send_fds(self._control, [msgpack.packb(packet)], descriptors)

    def _receive(self, name: str, ident: int, seconds: float) -> Any:
        """The zygote's answer; OSError when there is none, or an odd one."""
        if self._control is None:
            raise OSError("there is no zygote")
        self._control.settimeout(seconds)
        packet = self._control.recv(1 << 12)
        try:
            answer, number, value = msgpack.unpackb(packet)
        except Exception:
            raise OSError("the zygote is gone" if not packet else "an odd answer") from None
        if (answer, number) != (name, ident):
            raise OSError("an answer to another question")
        return value

    def _user_rights(self) -> dict[str, Any]:
        """What children at level `user` may read; OSError when `forbid_read` lies open."""
        rights: dict[str, Any] = {"read": [], "names": [], "capabilities": []}
        if contain.landlock_version():
            rights |= landlock_rules([*self._forbid_read, *packages(self._forbid)])
        uid, lock = reserve_uid()
        with lock:
            if not _may_read(uid, Path(sys.executable).resolve()):
                if not contain.landlock_version():
                    raise OSError(f"other users cannot read {sys.base_prefix}: chmod o+rx it")
                # Landlock says what can be read, so the right to pass closed parents is harmless
                rights["capabilities"] = [contain.CAP_DAC_READ_SEARCH]
            if not contain.landlock_version():
                for path in (*self._forbid_read, *hidden_paths(())):
                    if path.exists() and _may_read(uid, path):
                        raise OSError(f"submissions could read {path}: chmod -R o-rwx {path}")
        return rights


def _may_read(uid: int, path: Path) -> bool:
    """Whether `uid` can read `path`, asked of the kernel by becoming that user."""
    pid = os.fork()
    if not pid:
        try:
            contain.become(uid)
            os._exit(0 if os.access(path, os.R_OK) else 1)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


class ZygoteWorker:
    """A child of a zygote; see process.Worker."""

    def __init__(self, zygote: ZygoteProcess, ident: int, level: Isolation, base: str) -> None:
        limits = zygote.limits
        self._zygote = zygote
        self._ident = ident
        self._home = ""
        self._lock: socket.socket | None = None
        self._memory_mb = limits.memory_mb
        spec: dict[str, Any] = {
            "uid": 0,
            "home": "/tmp",
            "memory_mb": limits.memory_mb,
            "disk_mb": limits.disk_mb,
            "processes": limits.processes,
            # Of one process, should the judge be gone; it counts all of them, and sooner.
            "cpu_seconds": int(limits.submission_seconds) + 60,
            "message_bytes": limits.message_mb << 20,
            "cuda": zygote.device != "cpu",
        }
        if level == "user":
            spec["uid"], self._lock = reserve_uid()
            spec["home"] = self._home = os.path.join(base, str(ident))
            os.mkdir(self._home, 0o700)
        self.output = Output(limits.output_kb)
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours, limits.message_mb << 20)
        with theirs:
            try:
                zygote._send(["fork", ident, spec], [theirs.fileno(), self.output.fileno()])
            except OSError:
                self._release()
                raise

    def cpu_seconds(self) -> float:
        return self._zygote.cpu_seconds(self._ident)

    def kill(self, grace: float = 0.0) -> str:
        code = self._zygote.end(self._ident, grace)
        self._release()
        return explain_exit(code, self._memory_mb)

    def _release(self) -> None:
        self.channel.close()
        self.output.close()
        if self._home:
            remove_tree(self._home)
        if self._lock is not None:
            self._lock.close()
