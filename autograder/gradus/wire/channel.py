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
            self.sock.settimeout(wait() if wait else None)
            try:
                view = view[self.sock.send(view) :]
            except TimeoutError:
                continue

    def _read(self, nbytes: int, wait: Wait | None) -> bytearray:
        buffer = bytearray(nbytes)
        view = memoryview(buffer)
        while view:
            self.sock.settimeout(wait() if wait else None)
            try:
                count = self.sock.recv_into(view)
            except TimeoutError:
                continue
            except OSError:
                raise Closed from None
            if not count:
                raise Closed
            view = view[count:]
        return buffer
