"""An engine in memory with a clock of its own, for tests: it moves only when it is told to, and breaks in the ways real ones do.

Runs start, write and end in `advance`; a submission or cancellation waits for it. `advance(0)` carries out what is due without time passing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from wutong.centre.engines.protocol import (
    Absent,
    Accepted,
    Capabilities,
    Changes,
    EndReason,
    LogChunk,
    Phase,
    Refused,
    RunSpec,
    Sighting,
    Unknown,
    UsageBatch,
    UsageRecord,
)
from wutong.centre.engines.usage import Window, windows
from wutong.kit import clock

WINDOW_MS = 60_000


@dataclass(frozen=True, slots=True)
class Script:
    """What a run does once it starts: how long it lasts, what it writes at its start and end, how it ends, and how it takes being stopped."""

    seconds: float = 10.0
    exit_code: int = 0
    signal: int | None = None
    reason: EndReason | None = None
    output: bytes = b""
    last_output: bytes = b""
    stop_seconds: float = 0.0
    stop_output: bytes = b""
    signal_output: bytes = b""


@dataclass(slots=True)
class _Run:
    spec: RunSpec
    script: Script
    seen: Sighting
    seq: int = 0
    ends_ms: int = 0
    stopping: tuple[EndReason, str] | None = None


class FakeEngine:
    """Implements the engine protocol over a dictionary. Times are those of its own clock, which starts at the product's present moment."""

    def __init__(self, name: str = "fake", slots: int = 8, *, cpus: int = 64, memory_mb: int = 1024 * 1024) -> None:
        self.name = name
        self.slots, self.cpus, self.memory_mb = slots, cpus, memory_mb
        self.now_ms = round(clock.now().timestamp() * 1000)
        self.default = Script()
        self.submissions: list[str] = []
        self.starts: list[tuple[str, int]] = []
        self._scripts: dict[str, Script] = {}
        self._runs: dict[str, _Run] = {}
        self._used: set[str] = set()
        self._logs: dict[tuple[str, int], bytearray] = {}
        self._usage: dict[tuple[str, int, int], tuple[int, UsageRecord]] = {}
        self._seq = 0
        self._dark = False
        self._lose_answer = False
        self._lose_submission = False
        self._held = False

    # What the world does

    def script(self, name: str, script: Script) -> None:
        """Say what the run of this name will do; without it does the default."""
        self._scripts[name] = script

    def advance(self, seconds: float) -> None:
        """Let time pass, with everything that is due on the way, in order."""
        until = self.now_ms + round(seconds * 1000)
        self._start_what_fits()
        while due := min((run for run in self._runs.values() if self._is_due(run, until)), key=lambda run: run.ends_ms, default=None):
            self.now_ms = max(self.now_ms, due.ends_ms)
            self._finish(due)
            self._start_what_fits()
        self.now_ms = until
        for run in self._runs.values():
            if run.seen.phase is Phase.RUNNING:
                self._meter(run, ended=False)

    def hold(self) -> None:
        """Start nothing until `release`."""
        self._held = True

    def release(self) -> None:
        """Start runs again, at the next `advance`."""
        self._held = False

    def go_dark(self) -> None:
        """Answer everything with Unknown; runs go on."""
        self._dark = True

    def come_back(self) -> None:
        """Answer again."""
        self._dark = False

    def lose_answer(self) -> None:
        """Take the next submission but answer it with Unknown."""
        self._lose_answer = True

    def lose_submission(self) -> None:
        """Do not take the next submission and answer it with Unknown."""
        self._lose_submission = True

    def lose(self, name: str) -> None:
        """Forget a run as though it had never been submitted, as a controller killed right after its answer does."""
        self._runs.pop(name, None)
        self._used.discard(name)

    def end(self, name: str, reason: EndReason, detail: str = "", exit_code: int | None = None) -> None:
        """End a run now, for a reason from outside (a lost node, a fault)."""
        run = self._runs[name]
        run.stopping = (reason, detail)
        run.script = replace(run.script, exit_code=exit_code or 0)
        run.ends_ms = self.now_ms
        self._finish(run, exit_code=exit_code)

    def requeue(self, name: str, *, fault: EndReason | None = None) -> None:
        """Take a running run off its place and queue it again: a restart. `fault` says that the centre cut its start short."""
        run = self._runs[name]
        self._meter(run, ended=True, fault=fault or "")
        self._see(run, phase=Phase.QUEUED, restart=run.seen.restart + 1, started_at=None, node=None)
        run.stopping = None

    # What an engine promises

    def capabilities(self) -> Capabilities | Unknown:
        """Say what there is."""
        if self._dark:
            return Unknown("dark")
        return Capabilities(self.name, "1", self.slots, self.cpus, self.memory_mb, isolated=True, isolation="fake", requeues=True)

    def submit(self, spec: RunSpec) -> Accepted | Refused | Unknown:
        """Take the run; it starts at the next `advance`."""
        if self._dark:
            return Unknown("dark")
        if self._lose_submission:
            self._lose_submission = False
            return Unknown("the submission was lost")
        self.submissions.append(spec.name)
        answer = self._take(spec)
        if self._lose_answer:
            self._lose_answer = False
            return Unknown("the answer was lost")
        return answer

    def observe(self, names: Sequence[str]) -> Mapping[str, Sighting | Absent] | Unknown:
        """Look runs up by name."""
        if self._dark:
            return Unknown("dark")
        return {name: self._sighting(self._runs[name]) if name in self._runs else Absent() for name in names}

    def changes(self, since: str) -> Changes | Unknown:
        """List runs that changed after the cursor."""
        if self._dark:
            return Unknown("dark")
        changed = sorted((run for run in self._runs.values() if run.seq > int(since or 0)), key=lambda run: run.seq)
        return Changes(str(self._seq), tuple(self._sighting(run) for run in changed))

    def usage(self, since: str) -> UsageBatch | Unknown:
        """List usage written after the cursor."""
        if self._dark:
            return Unknown("dark")
        fresh = sorted((seq, record) for seq, record in self._usage.values() if seq > int(since or 0))
        return UsageBatch(str(self._seq), tuple(record for _seq, record in fresh))

    def cancel(self, name: str) -> Accepted | Absent | Unknown:
        """Stop a run."""
        if self._dark:
            return Unknown("dark")
        if (run := self._runs.get(name)) is None:
            return Absent()
        if run.seen.phase is Phase.QUEUED:
            self._see(run, phase=Phase.ENDED, reason=EndReason.CANCELLED, ended_at=self.now_ms / 1000, detail="Cancelled before it started.")
        elif run.seen.phase is Phase.RUNNING and run.stopping is None:
            self._stop(run, EndReason.CANCELLED, "Cancelled on request.", self.now_ms)
        return Accepted()

    def signal(self, name: str, signal: str) -> Accepted | Absent | Unknown:
        """Send a signal; a running run writes what its script says."""
        del signal
        if self._dark:
            return Unknown("dark")
        if (run := self._runs.get(name)) is None:
            return Absent()
        if run.seen.phase is Phase.RUNNING:
            self._log(run).extend(run.script.signal_output)
        return Accepted()

    def logs(self, name: str, offset: int, limit: int, restart: int | None = None, rank: int = 0) -> LogChunk | Absent | Unknown:
        """Read a piece of a log: the first rank's is what the script says, the others' say which rank they are."""
        if self._dark:
            return Unknown("dark")
        run = self._runs.get(name)
        if run is None or not 0 <= rank < run.spec.ranks or (restart is not None and not 0 <= restart <= run.seen.restart):
            return Absent()
        chosen = run.seen.restart if restart is None else restart
        begun = (name, chosen) in self._logs
        text = bytes(self._logs.get((name, chosen), b"")) if rank == 0 else f"rank {rank}\n".encode() * begun
        data = text[offset : offset + limit]
        ended = run.seen.phase is Phase.ENDED or chosen < run.seen.restart
        return LogChunk(data, offset, offset + len(data), ended and offset + len(data) >= len(text), chosen, run.spec.ranks, len(text))

    def forget(self, name: str) -> Accepted | Absent | Unknown:
        """Drop an ended run."""
        if self._dark:
            return Unknown("dark")
        if (run := self._runs.get(name)) is None:
            return Absent()
        if run.seen.phase is not Phase.ENDED:
            return Unknown("The run has not ended; cancel it first.")
        del self._runs[name]
        return Accepted()

    # Steps

    def _take(self, spec: RunSpec) -> Accepted | Refused:
        if spec.name in self._runs:
            return Accepted()
        if spec.name in self._used:
            return Refused("A run of this name was here, ended, and was forgotten; a new run needs a name of its own.")
        if spec.nodes > 1 or spec.slots > self.slots or spec.cpus > self.cpus or spec.memory_mb > self.memory_mb:
            return Refused(f"The machine has 1 node with {self.slots} accelerators, {self.cpus} processors and {self.memory_mb} MiB.")
        if not spec.argv:
            return Refused("The command is empty: say what is to be run.")
        self._used.add(spec.name)
        run = _Run(spec, self._scripts.get(spec.name, self.default), Sighting(spec.name, Phase.QUEUED, submitted_at=self.now_ms / 1000))
        self._runs[spec.name] = run
        self._see(run)
        return Accepted()

    def _queue(self) -> list[_Run]:
        waiting = [run for run in self._runs.values() if run.seen.phase is Phase.QUEUED]
        return sorted(waiting, key=lambda run: (-run.spec.priority, run.seen.submitted_at, run.spec.name))

    def _start_what_fits(self) -> None:
        if self._held:
            return
        for run in self._queue():
            running = [other.spec for other in self._runs.values() if other.seen.phase is Phase.RUNNING]
            if run.spec.slots > self.slots - sum(spec.slots for spec in running):
                return
            self.starts.append((run.spec.name, run.seen.restart))
            run.ends_ms = self.now_ms + round(run.script.seconds * 1000)
            limit = self.now_ms + run.spec.time_limit_s * 1000
            self._see(run, phase=Phase.RUNNING, started_at=self.now_ms / 1000, node="fake-1")
            self._log(run).extend(run.script.output)
            if run.ends_ms > limit:
                self._stop(run, EndReason.TIME_LIMIT, f"It reached its time limit of {run.spec.time_limit_s} seconds.", limit)

    def _is_due(self, run: _Run, until_ms: int) -> bool:
        return run.seen.phase is Phase.RUNNING and run.ends_ms <= until_ms

    def _stop(self, run: _Run, reason: EndReason, detail: str, at_ms: int) -> None:
        run.stopping = (reason, detail)
        run.ends_ms = min(run.ends_ms, at_ms + round(min(run.script.stop_seconds, run.spec.grace_s) * 1000))

    def _finish(self, run: _Run, exit_code: int | None = None) -> None:
        script = run.script
        reason, detail = run.stopping or (script.reason or (EndReason.FAILED if script.exit_code or script.signal else EndReason.COMPLETED), "")
        code = exit_code if run.stopping else None if script.signal else script.exit_code
        self._log(run).extend(script.stop_output if run.stopping else script.last_output)
        self._see(
            run,
            phase=Phase.ENDED,
            reason=reason,
            detail=detail,
            exit_code=code,
            signal=None if run.stopping else script.signal,
            ended_at=run.ends_ms / 1000,
        )
        if run.seen.started_at is not None:
            self._meter(run, ended=True)

    def _meter(self, run: _Run, *, ended: bool, fault: str = "") -> None:
        started = round((run.seen.started_at or 0) * 1000)
        until = round(run.seen.ended_at * 1000) if run.seen.ended_at is not None else self.now_ms
        for window in windows(started, until, window_ms=WINDOW_MS, ended=ended):
            self._write_usage(run, window, fault if window.final else "")

    def _write_usage(self, run: _Run, window: Window, fault: str) -> None:
        start, seconds = window.start_ms / 1000, window.used_ms / 1000
        record = UsageRecord(run.spec.name, run.seen.restart, start, seconds, run.spec.slots, window.final, fault)
        key = (run.spec.name, run.seen.restart, window.start_ms)
        if key not in self._usage or self._usage[key][1] != record:
            self._seq += 1
            self._usage[key] = (self._seq, record)

    def _log(self, run: _Run) -> bytearray:
        return self._logs.setdefault((run.spec.name, run.seen.restart), bytearray())

    def _see(self, run: _Run, **changes: object) -> None:
        run.seen = replace(run.seen, **changes)  # type: ignore[arg-type]
        self._seq += 1
        run.seq = self._seq

    def _sighting(self, run: _Run) -> Sighting:
        if run.seen.phase is not Phase.QUEUED:
            return run.seen
        position = self._queue().index(run) + 1
        return replace(run.seen, position=position, waiting_for=f"{position - 1} runs are ahead.")
