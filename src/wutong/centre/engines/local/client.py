"""The local engine as the rest of the product sees it: the protocol's verbs over the agent's socket. An agent that does not answer is `Unknown`."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from wutong.centre.engines.local import wire
from wutong.centre.engines.protocol import (
    Absent,
    Accepted,
    Capabilities,
    Changes,
    LogChunk,
    Refused,
    RunSpec,
    Sighting,
    Unknown,
    UsageBatch,
    UsageRecord,
)

_TIMEOUT_S = 15.0
_KEPT = 8
_SMALL = 64 * 1024


class LocalEngine:
    """Talks to the agent that serves `home`. Safe to use from many threads: each request takes a connection of its own from a small pool."""

    def __init__(self, home: Path, *, name: str = "local", timeout_s: float = _TIMEOUT_S) -> None:
        self.name = name
        self._home = home
        self._timeout_s = timeout_s
        self._idle: list[socket.socket] = []
        self._lock = threading.Lock()
        self._owner = os.getpid()

    def capabilities(self) -> Capabilities | Unknown:
        """Say what the machine offers and how jobs are confined."""
        head, _body = self._ask({"verb": "capabilities"})
        if head.get("answer") != "value":
            return _unknown(head)
        values = {"cards": 0, **head["capabilities"], "engine": self.name, "problems": tuple(head["capabilities"]["problems"])}
        return Capabilities(**values)

    def submit(self, spec: RunSpec) -> Accepted | Refused | Unknown:
        """Have the agent take the run under its name; it is on disk before this returns."""
        try:
            size = len(wire.pack({"verb": "submit", "spec": wire.spec_to_json(spec)}))
        except UnicodeEncodeError:
            return Refused("The run's description contains something that is not text.")
        if size > wire.LARGEST_FRAME // 2:
            return Refused(f"The run's description takes {size} bytes, far too many; put data into files.")
        return _submitted(self._verdict({"verb": "submit", "spec": wire.spec_to_json(spec)}))

    def submit_many(self, specs: Sequence[RunSpec]) -> list[Accepted | Refused | Unknown]:
        """Have the agent take many runs, with one sync of its disk for as many as arrive together. One that is odd in any way goes alone."""
        plain = [_is_plain(spec) for spec in specs]
        asks = [{"verb": "submit", "spec": wire.spec_to_json(spec)} for spec, easy in zip(specs, plain, strict=True) if easy]
        answers = iter(self._verdicts(asks))
        return [_submitted(next(answers)) if easy else self.submit(spec) for spec, easy in zip(specs, plain, strict=True)]

    def forget_many(self, names: Sequence[str]) -> list[Accepted | Absent | Unknown]:
        """Drop many ended runs' files and records."""
        verdicts = self._verdicts([{"verb": "forget", "name": name} for name in names])
        return [Unknown(verdict.sentence) if isinstance(verdict, Refused) else verdict for verdict in verdicts]

    def observe(self, names: Sequence[str]) -> Mapping[str, Sighting | Absent] | Unknown:
        """Look runs up by name."""
        head, _body = self._ask({"verb": "observe", "names": list(names)})
        if head.get("answer") != "value":
            return _unknown(head)
        seen = head["runs"]
        return {name: wire.sighting_from_json(seen[name]) if name in seen else Absent() for name in names}

    def changes(self, since: str) -> Changes | Unknown:
        """List runs that changed after the cursor, at most a few thousand at a time."""
        head, _body = self._ask({"verb": "changes", "since": since})
        if head.get("answer") != "value":
            return _unknown(head)
        return Changes(head["cursor"], tuple(wire.sighting_from_json(values) for values in head["sightings"]))

    def wait(self, cursor: str, timeout_s: float) -> bool:
        """Wait until something changed after the cursor of `changes`; False when nothing did in time or the agent does not answer."""
        head, _body = self._ask({"verb": "wait", "since": cursor, "timeout": timeout_s}, timeout_s=timeout_s + self._timeout_s)
        return bool(head.get("changed"))

    def usage(self, since: str) -> UsageBatch | Unknown:
        """List usage written after the cursor, at most a few thousand records at a time."""
        head, _body = self._ask({"verb": "usage", "since": since})
        if head.get("answer") != "value":
            return _unknown(head)
        records = tuple(
            UsageRecord(name, restart, window_ms / 1000, used_ms / 1000, slots, bool(final))
            for name, restart, window_ms, used_ms, slots, final in head["records"]
        )
        return UsageBatch(head["cursor"], records)

    def cancel(self, name: str) -> Accepted | Absent | Unknown:
        """Stop a run: checkpoint signal, grace, kill."""
        return self._done({"verb": "cancel", "name": name})

    def signal(self, name: str, signal: str) -> Accepted | Absent | Unknown:
        """Send a signal to a run's processes."""
        return self._done({"verb": "signal", "name": name, "signal": signal})

    def logs(self, name: str, offset: int, limit: int, restart: int | None = None, rank: int = 0) -> LogChunk | Absent | Unknown:
        """Read a piece of a log."""
        head, body = self._ask({"verb": "logs", "name": name, "offset": offset, "limit": limit, "restart": restart, "rank": rank})
        if head.get("answer") == "value":
            place = head["offset"], head["next_offset"], head["complete"], head["restart"]
            return LogChunk(body, *place, head.get("ranks", 1), head.get("size", head["next_offset"]))
        verdict = wire.verdict_from_json(head)
        return verdict if isinstance(verdict, Absent) else _unknown(head)

    def forget(self, name: str) -> Accepted | Absent | Unknown:
        """Drop an ended run's files and record."""
        return self._done({"verb": "forget", "name": name})

    def set_weight(self, tenant: str, weight: float) -> Accepted | Absent | Unknown:
        """Set a tenant's weight in the fair share (1 when never set)."""
        return self._done({"verb": "weight", "tenant": tenant, "weight": weight})

    def stop(self, *, kill_runs: bool = False) -> Accepted | Absent | Unknown:
        """Stop the agent. Runs go on, unless they are to be killed; then the agent leaves after the last has ended."""
        return self._done({"verb": "stop", "kill": kill_runs})

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for sock in idle:
            sock.close()

    def _done(self, ask: dict[str, Any]) -> Accepted | Absent | Unknown:
        verdict = self._verdict(ask)
        return Unknown(verdict.sentence) if isinstance(verdict, Refused) else verdict

    def _verdict(self, ask: dict[str, Any]) -> Accepted | Refused | Absent | Unknown:
        return wire.verdict_from_json(self._ask(ask)[0])

    def _ask(self, ask: dict[str, Any], *, timeout_s: float | None = None) -> tuple[dict[str, Any], bytes]:
        """Send a request and return the answer. Asked twice at most: a kept connection may have died with an agent that is back already."""
        frame = wire.pack(ask)
        error: Exception | None = None
        for _try in range(2):
            try:
                with self._connection(timeout_s or self._timeout_s) as sock:
                    sock.sendall(frame)
                    return _receive(sock)
            except TimeoutError:
                return {"answer": "unknown", "why": "The agent did not answer in time."}, b""
            except (OSError, wire.BadFrame) as problem:
                error = problem
        return {"answer": "unknown", "why": f"The agent cannot be reached ({error})."}, b""

    def _verdicts(self, asks: Sequence[dict[str, Any]], *, again: bool = True) -> list[Accepted | Refused | Absent | Unknown]:
        """Send requests behind each other on one connection and return their answers; those that did not come are unknown."""
        heads: list[dict[str, Any]] = []
        lost = "The agent did not answer in time."
        try:
            with self._connection(self._timeout_s) as sock:
                sock.sendall(b"".join(map(wire.pack, asks)))
                data = bytearray()
                while len(heads) < len(asks):
                    heads.append(_receive(sock, data)[0])
        except TimeoutError:
            pass
        except (OSError, wire.BadFrame) as problem:
            if again:  # a kept connection may have died with an agent that is back already
                return self._verdicts(asks, again=False)
            lost = f"The agent cannot be reached ({problem})."
        return [wire.verdict_from_json(head) for head in heads] + [Unknown(lost) for _ in asks[len(heads) :]]

    @contextlib.contextmanager
    def _connection(self, timeout_s: float) -> Iterator[socket.socket]:
        sock = self._take()
        try:
            sock.settimeout(timeout_s)
            yield sock
        except BaseException:
            sock.close()
            raise
        with self._lock:
            if len(self._idle) < _KEPT:
                self._idle.append(sock)
                return
        sock.close()

    def _take(self) -> socket.socket:
        with self._lock:
            if self._owner != os.getpid():
                # A forked worker must not share its parent's connections.
                self._idle, self._owner = [], os.getpid()
            if self._idle:
                return self._idle.pop()
        return connect(self._home)


def connect(home: Path) -> socket.socket:
    """Connect to the agent of a home, however deep it lies; OSError when there is none."""
    folder = os.open(home, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(5)
        sock.connect(f"/proc/self/fd/{folder}/{wire.SOCKET}")
    except BaseException:
        sock.close()
        raise
    finally:
        os.close(folder)
    return sock


def _submitted(verdict: Accepted | Refused | Absent | Unknown) -> Accepted | Refused | Unknown:
    return Unknown("The agent answered a submission with 'absent'.") if isinstance(verdict, Absent) else verdict


def _is_plain(spec: RunSpec) -> bool:
    """Tell whether a run is small and can be written down."""
    try:
        return len(wire.pack({"verb": "submit", "spec": wire.spec_to_json(spec)})) <= _SMALL
    except UnicodeEncodeError:
        return False


def _receive(sock: socket.socket, data: bytearray | None = None) -> tuple[dict[str, Any], bytes]:
    data = bytearray() if data is None else data
    while (frame := wire.unpack(data)) is None:
        part = sock.recv(1024 * 1024)
        if not part:
            raise ConnectionResetError("the agent closed the connection")
        data += part
    return frame


def _unknown(head: Mapping[str, Any]) -> Unknown:
    return cast("Unknown", wire.verdict_from_json({**head, "answer": "unknown"}))
