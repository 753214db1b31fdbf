"""One end of the socket between the judge and a submission's process.

A frame is two lengths, a msgpack header and the raw bytes of its tensors (see `wire`); the lengths
are bounded before anything is allocated.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

import msgpack

from gradus.wire.frames import MAX_HEADER, Callback, Decoder, Encoder, Garbage, Handle, Refused

_FRAME = struct.Struct("<IQ")
_AT_ONCE = 1 << 14  # bytes read in one system call, which the usual message is shorter than


class Late(Exception):
    """Time was up while sending or receiving."""


Wait = Callable[[], float]  # seconds to wait before it is asked again; raises Late


class Closed(Exception):
    """The other side is gone."""


class Channel:
    """One end of the socket; `limit` bounds the bytes of a message in either direction."""

    def __init__(self, sock: socket.socket, limit: int) -> None:
        self.sock = sock
        self.limit = limit
        self._timeout = sock.gettimeout()
        self._ahead = b""  # what came with the bytes that were asked for

    def send(
        self,
        value: Any,
        other: Callable[[Any], Any] | None = None,
        wait: Wait | None = None,
    ) -> None:
        """Sends `value`; raises Refused before a byte is sent when it is not data, Late, Closed."""
        encoder = Encoder(self.limit, other)
        header = msgpack.packb(encoder.encode(value), unicode_errors="surrogatepass")
        if len(header) > MAX_HEADER:
            raise Refused(f"more than {MAX_HEADER >> 20} MB outside tensors")
        size = sum(memoryview(p).nbytes for p in encoder.parts)
        parts = [_FRAME.pack(len(header), size), header, *encoder.parts]
        if size < 1 << 16:
            parts = [b"".join(parts)]  # one system call for the usual small message
        try:
            for part in parts:
                self._write(memoryview(part).cast("B"), wait)
        except OSError:
            raise Closed from None

    def receive_raw(self, wait: Wait | None = None) -> tuple[Any, bytearray]:
        """The next frame's header and payload; raises Garbage, Late or Closed."""
        header_size, payload_size = _FRAME.unpack(self._read(_FRAME.size, wait))
        if header_size > MAX_HEADER or payload_size > self.limit:
            raise Garbage("a message of impossible size")
        header = self._read(header_size, wait)
        payload = self._read(payload_size, wait)
        try:
            node = msgpack.unpackb(
                header,
                strict_map_key=True,
                unicode_errors="replace",  # half a surrogate pair cannot be written to a file
                max_array_len=MAX_HEADER // 2,
                max_map_len=0,
                max_ext_len=0,
            )
        except Exception as error:
            raise Garbage(f"not msgpack: {type(error).__name__}") from None
        return node, payload

    def receive(self, resolve: Callable[[Handle | Callback], Any], wait: Wait | None = None) -> Any:
        """The next message; raises Garbage, Late or Closed."""
        node, payload = self.receive_raw(wait)
        return Decoder(payload, resolve).decode(node)

    def close(self) -> None:
        self.sock.close()

    def _write(self, view: memoryview, wait: Wait | None) -> None:
        while view:
            self._set_timeout(wait)
            try:
                view = view[self.sock.send(view) :]
            except TimeoutError:
                continue

    def _read(self, nbytes: int, wait: Wait | None) -> bytearray:
        buffer = bytearray(nbytes)
        came, self._ahead = self._ahead[:nbytes], self._ahead[nbytes:]
        buffer[: len(came)] = came
        view = memoryview(buffer)[len(came) :]
        while view:
            self._set_timeout(wait)
            try:
                if len(view) < _AT_ONCE:
                    came = self.sock.recv(_AT_ONCE)
                    self._ahead = came[len(view) :]
                    count = len(came) - len(self._ahead)
                    view[:count] = came[:count]
                else:
                    count = self.sock.recv_into(view)
            except TimeoutError:
                continue
            except OSError:
                raise Closed from None
            if not count:
                raise Closed
            view = view[count:]
        return buffer

    def _set_timeout(self, wait: Wait | None) -> None:
        seconds = wait() if wait else None
        if seconds != self._timeout:  # to set it is a system call
            self.sock.settimeout(seconds)
            self._timeout = seconds
