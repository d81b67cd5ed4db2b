"""The runner of a run over several nodes: has a keeper started on each by `srun`, outside every sandbox, and makes one run of what they tell.

A rank that fails ends all; a node that falls silent does not end the run: it is waited for what Slurm makes of it, which is another start.
"""
# ruff: noqa: PTH100, PTH110, PTH118, PTH120 - pathlib is not light

from __future__ import annotations

import os
import select
import sys

from wutong.centre.engines import ranks
from wutong.centre.engines.local import processes
from wutong.centre.engines.local.logs import LogWriter
from wutong.centre.engines.local.moments import monotonic_ms
from wutong.centre.engines.local.spawn import CannotStart
from wutong.centre.engines.local.verdict import Exit
from wutong.centre.engines.slurm.runner import nodes, plan
from wutong.centre.engines.slurm.runner.facts import write_text
from wutong.centre.engines.slurm.runner.launcher import tmp_of
from wutong.centre.engines.slurm.runner.member import GROUP
from wutong.centre.engines.slurm.runner.start import Runner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wutong.centre.engines.slurm.runner.plan import Plan

_PATIENCE_MS = 30_000
_DEAF_MS = 10_000
_MOST_STARTS = 20
_NOISE = 600
_MEMBER = "import sys; sys.path.insert(0, sys.argv[1]); from wutong.centre.engines.slurm.runner.member import main; main(*sys.argv[2:])"


class Failure:
    """A rank that failed: how, on which node, and why."""

    __slots__ = ("detail", "exit", "node", "rank", "reason")

    def __init__(self, rank: int, end: Exit, node: str) -> None:
        self.rank = rank
        self.exit = end
        self.node = node
        self.reason = "failed"
        self.detail = "It failed."


class Group(Runner):
    """One start of a run over several nodes."""

    def __init__(self, wanted: Plan, folder: str, told: str, number: int) -> None:
        super().__init__(wanted, folder, told, number)
        self.count = wanted.number("nodes")
        self.orders_out = -1
        self.sent: set[str] = set()
        self.deaf_at = 0
        self.over = False
        self.there: set[int] = set()
        self.done: set[int] = set()
        self.failures: dict[int, Failure] = {}
        self.noise = b""
        self.text = b""
        self.notes: list[str] = []
        self.node_peak = self.node_cpu_ms = 0

    # What the watch asks

    def take_output(self, data: bytes) -> None:
        """Take in what the nodes' keepers and srun say."""
        *lines, self.text = (self.text + data).split(b"\n")
        for line in lines:
            if line.startswith(b"@ "):
                self._hear(*line.decode(errors="replace").split(" ", 4)[1:])
            else:
                self.noise = (self.noise + line + b" ")[-_NOISE:]

    def say(self, sentence: str) -> None:
        """Write a sentence of ours into the main log, which is the first node's keeper's as long as that runs."""
        log = LogWriter(self.logs, self.plan.number("log_limit_bytes"))
        log.write(f"\n[wutong] {sentence}\n".encode())
        log.close()

    def send(self, number: int, *, once: bool) -> None:
        """Have the nodes' keepers signal their ranks; the signal before the end is theirs to repeat."""
        if once:
            self._order("stop")
        elif self.orders_out >= 0:
            self._write(f"signal {number}")

    def kill_all(self) -> None:
        """Have the keepers kill; where srun stays although nothing should run any more it is killed as well, and Slurm ends the step."""
        now = monotonic_ms()
        if self._order("kill"):
            self.deaf_at = self.kill_at = now + _DEAF_MS
        if self.over or now >= self.deaf_at:
            processes.send(self._all(), processes.KILL)

    def clear(self) -> None:
        """Collect srun, and what else there may be."""
        self.over = True
        super().clear()
        os.close(self.orders_out)
        self.orders_out = -1

    def settle(self) -> None:
        """Find out whether a node fell silent; then wait for what Slurm makes of it."""
        self.read_orders()
        silent = [node for node in range(self.count) if node not in self.done]
        if self.stopping is not None or not silent:
            return
        if not self.there:
            self.stopping = "start_failed", f"The cluster could not start it on its nodes: {self._said()}"
        else:
            self._await_cluster(", ".join(self.names[node] for node in silent))

    def has_failed(self) -> bool:
        """Tell whether a rank failed."""
        return bool(self.failures)

    def exit(self) -> Exit:
        """Return how the rank ended that failed first."""
        first = self._first()
        return first.exit if first is not None else Exit(code=0) if len(self.done) == self.count else Exit()

    def verdict(self) -> tuple[str, str]:
        """Return why the run ended, naming the rank and the node that ended it."""
        first = self._first()
        if self.stopping is not None or first is None:
            return self.stopping or ("completed", "")
        return first.reason, f"Rank {first.rank} on node {first.node}: {first.detail}"

    def used(self) -> tuple[int, int]:
        """Return the most memory of a node in bytes, and the processors' time of all in milliseconds."""
        peak, cpu_ms = super().used()
        return max(peak, self.node_peak), cpu_ms + self.node_cpu_ms

    def closing_note(self) -> str:
        """Return what is to be said about the logs."""
        return " ".join(self.notes)

    def folders(self) -> list[str]:
        """List the folders whose size counts."""
        return [*super().folders(), *(tmp_of(self.home, node) for node in range(1, self.plan.number("nodes")))]

    # Steps

    def _spawn(self, writing: int) -> int:
        self.sent, self.there, self.done, self.failures, self.noise, self.text, self.over = set(), set(), set(), {}, b"", b"", False
        self._gather()
        reading, self.orders_out = os.pipe2(os.O_CLOEXEC)
        code = os.path.abspath(__file__)
        for _level in range(6):
            code = os.path.dirname(code)
        cpus = max(1, self.plan.number("cpus"))
        line = ["srun", f"--nodes={self.count}", f"--ntasks={self.count}", "--ntasks-per-node=1", f"--cpus-per-task={cpus}"]
        # Nothing of the environment but what Slurm itself sets on each node: what the command is to have is in the plan.
        line += ["--mpi=none", "--kill-on-bad-exit=1", "--export=NONE", sys.executable, "-ISE", "-c", _MEMBER]
        line += [code, self.folder, self.told, str(self.number)]
        streams = [(os.POSIX_SPAWN_DUP2, reading, 0), (os.POSIX_SPAWN_DUP2, writing, 1), (os.POSIX_SPAWN_DUP2, writing, 2)]
        try:
            return os.posix_spawnp("srun", line, os.environ, file_actions=streams, setsid=True)
        except OSError as error:
            raise CannotStart(f"The node cannot start it on others: srun: {error.strerror}. It is the centre's fault, not the run's.") from error
        finally:
            os.close(reading)

    def _gather(self) -> None:
        """Find the nodes' addresses and a port to meet at, once a start, and leave them for the keepers."""
        path = os.path.join(self.home, GROUP)
        if os.path.exists(path):
            return
        self.names, addresses = nodes.places(self.count)
        port = ranks.free_port(int(os.environ.get("SLURM_JOB_ID") or 0))
        write_text(path, plan.write([*(("host", address) for address in addresses), ("port", port)]))

    def _hear(self, verb: str, node: str, name: str, rest: str = "") -> None:
        words = rest.split(" ")
        if verb == "hello":
            self.there.add(int(node))
        elif verb == "failed" and len(words) == 3:
            rank = int(words[0])
            if rank not in self.failures:
                self.failures[rank] = Failure(rank, Exit(_number(words[1]), _number(words[2])), name)
            self.read_orders()
            if self.stopping is None:
                self.kill_all()
        elif verb == "why" and int(words[0]) in self.failures:
            failure = self.failures[int(words[0])]
            failure.reason, failure.detail = words[1], " ".join(words[2:])
        elif verb == "done":
            self.done.add(int(node))
            self.node_peak = max(self.node_peak, int(words[0]))
            self.node_cpu_ms += int(words[1])
            self.notes += [note] if (note := " ".join(words[2:])) else []

    def _first(self) -> Failure | None:
        # The first that was told of; the clocks of nodes may differ by more than ranks that fail by each other.
        return next(iter(self.failures.values()), None)

    def _order(self, order: str) -> bool:
        if order in self.sent or self.orders_out < 0:
            return False
        self.sent.add(order)
        self._write(order)
        return True

    def _write(self, order: str) -> None:
        try:
            os.write(self.orders_out, f"{order}\n".encode())
        except OSError:
            return

    def _own(self) -> list[int]:
        return []

    def _said(self) -> str:
        return " ".join(self.noise.decode(errors="replace").split()) or "it did not say why."

    def _await_cluster(self, silent: str) -> None:
        """A node was lost, or its keeper: the cluster requeues the run once it has seen that. Where it does not, have it do so."""
        if self._hears_end(_PATIENCE_MS):
            return
        asked = self.number < _MOST_STARTS and nodes.requeue()
        if asked and self._hears_end(_PATIENCE_MS):
            return
        self.stopping = "failed", f"Node {silent} of the run was lost. {self._said()}"

    def _hears_end(self, patience_ms: int) -> bool:
        until = monotonic_ms() + patience_ms
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        while self.stopping is None and (now := monotonic_ms()) < until:
            if poll.poll(min(1000, until - now)):
                self.read_orders()
            self.show_life()
        return self.stopping is not None


def _number(word: str) -> int | None:
    return int(word) if word.isdigit() else None
