"""The agent's socket: takes requests in, keeps their answers back until what they promise is on disk, and sends them."""

import contextlib
import os
import selectors
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wutong.centre.engines.local import wire

Reply = tuple[dict[str, Any], bytes]
_MOST_UNSENT = 32 * 1024 * 1024


class Connection:
    """One client. A long wait occupies its connection; other requests come on others."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.inbox = bytearray()
        self.outbox = bytearray()
        self.wait: tuple[int, float] | None = None


class Desk:
    """Accepts connections and frames. `answer` returns a reply, or None when the connection is to wait."""

    def __init__(self, home: Path, selector: selectors.BaseSelector, answer: Callable[[Connection, dict[str, Any]], Reply | None]) -> None:
        self._selector = selector
        self._answer = answer
        self._connections: set[Connection] = set()
        self._listener = listen(home)
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        """Close all connections and the socket."""
        for connection in list(self._connections):
            self._drop(connection)
        self._selector.unregister(self._listener)
        self._listener.close()

    def flush(self) -> None:
        """Send what was answered; call after what the answers promise is durable."""
        for connection in list(self._connections):
            if connection.outbox:
                self._send(connection)

    def unsay(self, why: str) -> None:
        """Take back all unsent answers of this round: what they promise could not be made durable. The clients ask again."""
        _ = why
        for connection in list(self._connections):
            if connection.outbox:
                self._drop(connection)

    def waiting(self) -> list[Connection]:
        """List the connections that wait for a change."""
        return [connection for connection in self._connections if connection.wait is not None]

    def reply(self, connection: Connection, reply: Reply) -> None:
        """Put an answer into a connection's outbox."""
        connection.wait = None
        connection.outbox += wire.pack(*reply)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            sock, _address = self._listener.accept()
            sock.setblocking(False)
            connection = Connection(sock)
            self._connections.add(connection)
            self._selector.register(sock, selectors.EVENT_READ, lambda: self._read(connection))

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(256 * 1024)
            connection.inbox += data
            if not data or len(connection.outbox) > _MOST_UNSENT:
                self._drop(connection)
                return
            while (frame := wire.unpack(connection.inbox)) is not None:
                reply = self._answer(connection, frame[0])
                if reply is not None:
                    self.reply(connection, reply)
        except BlockingIOError:
            return
        except (OSError, wire.BadFrame):
            self._drop(connection)

    def _send(self, connection: Connection) -> None:
        try:
            sent = connection.sock.send(connection.outbox)
            del connection.outbox[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(connection)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.outbox else 0)
        self._selector.modify(connection.sock, events, self._selector.get_key(connection.sock).data)

    def _drop(self, connection: Connection) -> None:
        self._connections.discard(connection)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection.sock)
        connection.sock.close()


def listen(home: Path) -> socket.socket:
    """Open the socket, for its owner only. The path goes through a descriptor: socket addresses are short, homes may lie deep."""
    folder = os.open(home, os.O_PATH | os.O_DIRECTORY)
    try:
        with contextlib.suppress(FileNotFoundError):
            (home / wire.SOCKET).unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.setblocking(False)
        listener.bind(f"/proc/self/fd/{folder}/{wire.SOCKET}")
        (home / wire.SOCKET).chmod(0o600)
        listener.listen(256)
        return listener
    finally:
        os.close(folder)
