"""A .7z is made a tar by the system's bsdtar: foreign code on foreign data, so it is contained."""

from __future__ import annotations

import io
import os
import resource
import shutil
import subprocess
import tempfile
import threading
from typing import IO, BinaryIO

from gradus.inbox.archives import ENCRYPTED, Refused, Room
from gradus.inbox.tars import Tar
from gradus.sandbox.levels import available_levels
from gradus.sandbox.view import SYSTEM, SYSTEM_FILES

NO_PROGRAM = "a .7z, for which bsdtar is not installed here"
TO_INSTALL = "install bsdtar (Debian, Ubuntu: apt install libarchive-tools) and grade again"
_MAGIC = b"7z\xbc\xaf\x27\x1c"
_SECONDS = 120
_MEMORY = 2 << 30
_MESSAGES = 1 << 20  # bytes: it writes no other file than that of its messages
_NOBODY = 65534


def open_7z(stream: BinaryIO, room: Room) -> Tar:
    """The files of a .7z, for all of which there must be `room`; raises Refused, also where there
    is no bsdtar."""
    if stream.read(6) != _MAGIC:  # among what bsdtar reads besides are lists of other files to read
        raise Refused("not a .7z")
    program = shutil.which("bsdtar")
    if program is None:
        raise Refused(NO_PROGRAM)
    contained = not available_levels()["namespaces"]
    command = [*_view(program), "/bsdtar"] if contained else [program]
    with stream, _on_disk(stream) as packed, tempfile.TemporaryFile() as messages:
        try:
            process = subprocess.Popen(
                [*command, "--format", "pax", "-cf", "-", "@-"],
                stdin=packed,
                stdout=subprocess.PIPE,
                stderr=messages,
                preexec_fn=lambda: _limit(contained),
                env={"LC_ALL": "C.UTF-8"},  # else names that are not ASCII are lost
                cwd="/",
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise Refused(f"{program} cannot be started here ({error})") from None
        timer = threading.Timer(_SECONDS, process.kill)
        timer.start()
        try:
            tar = _read(process, room)
            if process.wait():
                tar.close()
                raise Refused(_reason(messages))
            return tar
        except _Ended as error:
            raise Refused(_reason(messages)) from error
        finally:
            timer.cancel()
            process.kill()
            process.wait()


class _Ended(Exception):
    """The program has ended, and what it wrote is no whole tar."""


def _read(process: subprocess.Popen[bytes], room: Room) -> Tar:
    assert process.stdout
    with process.stdout as output:
        try:
            return Tar(output, room)
        except Refused as error:
            if output.read(1):  # it had more to say: what was refused is what is in the archive
                raise
            raise _Ended from error


def _view(program: str) -> list[str]:
    """A view of the file system with nothing in it but the system's programs, all read-only."""
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    for path in (*SYSTEM, *SYSTEM_FILES):
        command += ["--ro-bind-try", path, path]
    return [*command, "--ro-bind", program, "/bsdtar", "--remount-ro", "/", "--chdir", "/"]


def _limit(contained: bool) -> None:
    """Between fork and exec."""
    limits = {resource.RLIMIT_AS: _MEMORY, resource.RLIMIT_CPU: _SECONDS}
    limits |= {resource.RLIMIT_FSIZE: _MESSAGES, resource.RLIMIT_CORE: 0}
    if not contained:
        limits[resource.RLIMIT_NPROC] = 0
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
    for kind, most in limits.items():
        resource.setrlimit(kind, (most, most))


def _on_disk(stream: BinaryIO) -> IO[bytes]:
    """The stream as the kernel knows it: the program goes to and fro in what it reads."""
    try:
        os.lseek(stream.fileno(), 0, os.SEEK_SET)  # past what Python has read ahead
        return stream
    except io.UnsupportedOperation:
        stream.seek(0)
        file = tempfile.TemporaryFile()  # noqa: SIM115  (the caller's)
        shutil.copyfileobj(stream, file)
        file.seek(0)
        return file


def _reason(messages: IO[bytes]) -> str:
    messages.seek(0)
    lines = messages.read(_MESSAGES).decode(errors="replace").splitlines() or ["it says nothing"]
    if any("encrypt" in line.lower() for line in lines):
        return ENCRYPTED
    if lines[0] == "bsdtar: (null)":  # a coder that it does not know
        return "a .7z that is damaged or needs a password"
    line = "".join(c for c in lines[0].removeprefix("bsdtar: ") if c.isprintable())
    return f"not a .7z that can be read ({line[:200]})"
