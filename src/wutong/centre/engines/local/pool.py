"""The agent's keeper processes: forked for a run, and kept a moment after it for the next one.

A fork copies the agent's memory page by page, which costs several times what a keeper does for a short run. A keeper whose agent is gone, or closed
its socket, ends when its run has; so those that an agent adopts end by themselves.
"""

import array
import contextlib
import os
import pickle
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wutong.centre.engines.local import keeper
from wutong.centre.engines.local.job import Ticket
from wutong.centre.engines.local.moments import monotonic_ms

_MOST_RUNS = 50
_IDLE_MS = 2000
_LARGEST = 64 * 1024


@dataclass(slots=True, eq=False)
class Hand:
    """A keeper process of ours: told what to do through `sock`; `watch` becomes readable when it is gone."""

    pid: int
    sock: socket.socket
    watch: int
    runs: int = 1
    idle_since: int = field(default=0)


class Pool:
    """The keepers that this agent forked. `watch` and `unwatch` are told which descriptors say that one is gone."""

    def __init__(self) -> None:
        self._idle: list[Hand] = []
        self._all: dict[int, Hand] = {}
        self.watch: Callable[[int, Callable[[], object]], object] = lambda _handle, _gone: None
        self.unwatch: Callable[[int], object] = lambda _handle: None

    def start(self, ticket: Ticket, handles: Sequence[int]) -> int:
        """Have a keeper begin a run with these descriptors (see `keeper.keep`), and return its process id; raise OSError where that fails."""
        text = pickle.dumps(ticket)
        while self._idle and len(text) <= _LARGEST:
            hand = self._idle.pop()
            try:
                hand.sock.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", handles))])
            except OSError:  # it was killed meanwhile
                hand.sock.close()
                continue
            hand.runs += 1
            return hand.pid
        return self._fork(ticket, handles)

    def over(self, pid: int) -> None:
        """Keep a keeper whose run is over for the next one, if it is ours and has not done its share."""
        hand = self._all.get(pid)
        if hand is None or hand.sock.fileno() < 0 or hand in self._idle:
            return
        if hand.runs >= _MOST_RUNS:
            hand.sock.close()
            return
        hand.idle_since = monotonic_ms()
        self._idle.append(hand)

    def retire(self) -> None:
        """Let those go that had nothing to do for a while."""
        until = monotonic_ms() - _IDLE_MS
        while self._idle and self._idle[0].idle_since <= until:
            self._idle.pop(0).sock.close()

    def next_retirement_s(self) -> float | None:
        """Return in how many seconds one has had nothing to do for long enough."""
        return max(0.0, (self._idle[0].idle_since + _IDLE_MS - monotonic_ms()) / 1000 + 0.005) if self._idle else None

    def disown(self) -> None:
        """Have every keeper end with its run."""
        self._idle.clear()
        for hand in self._all.values():
            hand.sock.close()

    def _fork(self, ticket: Ticket, handles: Sequence[int]) -> int:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                pid = os.fork()
            except OSError:
                ours.close()
                raise
            if pid == 0:
                keeper.keep(ticket, handles, theirs)
        hand = Hand(pid, ours, os.pidfd_open(pid))
        self._all[pid] = hand
        self.watch(hand.watch, lambda: self._gone(hand))
        return pid

    def _gone(self, hand: Hand) -> None:
        self.unwatch(hand.watch)
        os.close(hand.watch)
        hand.sock.close()
        if hand in self._idle:
            self._idle.remove(hand)
        self._all.pop(hand.pid, None)
        with contextlib.suppress(OSError):
            os.waitpid(hand.pid, os.WNOHANG)
