"""What every engine must show: the promises of the protocol as tests over any engine that comes with a `Rig`.

Use it from pytest by deriving a class and giving it a rig:

    class TestMine(Conformance):
        @pytest.fixture(autouse=True)
        def _rig(self): self.rig = MyRig()
"""
# ruff: noqa: TRY004 - a suite fails by AssertionError

import itertools
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from wutong.centre.engines.protocol import (
    Absent,
    Accepted,
    Capabilities,
    Changes,
    EndReason,
    Engine,
    LogChunk,
    Phase,
    Refused,
    RunSpec,
    Sighting,
    Unknown,
    UsageRecord,
)

_T = TypeVar("_T")
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a run is to do. `dies_of` is the number of a signal it ends by.

    `saves`: it handles the checkpoint signal, says "saved" and ends; `stubborn`: it ignores that signal; `listens`: it says "heard" at SIGUSR1.
    """

    says: str = ""
    seconds: float = 0.0
    exit_code: int = 0
    dies_of: int | None = None
    saves: bool = False
    stubborn: bool = False
    listens: bool = False


class Rig(Protocol):
    """An engine under test and the little world it needs. `resolution_s` is how far its times may be off because it keeps no finer ones."""

    engine: Engine
    ticks: int
    resolution_s: float

    def spec(self, name: str, behaviour: Behaviour, **changes: Any) -> RunSpec:
        """Return a run of this name that behaves so."""

    def tick(self) -> None:
        """Let a little time pass: a fraction of a second, by sleeping or by moving a clock. `ticks` of them must be enough for any run here."""

    def submit_unclearly(self, spec: RunSpec) -> Unknown:
        """Submit so that the engine takes the run but the answer is lost."""

    def darken(self) -> None:
        """Make the engine unable to answer, while runs go on."""

    def lighten(self) -> None:
        """Have it answer again."""


def shell(behaviour: Behaviour) -> tuple[str, ...]:
    """Return a command that behaves so, for engines that run real ones."""
    lines = []
    if behaviour.saves:
        lines.append("trap 'echo saved; exit 0' TERM")
    if behaviour.stubborn:
        lines.append("trap '' TERM")
    if behaviour.listens:
        lines.append("trap 'echo heard' USR1")
    lines.append(f"printf %s {shlex.quote(behaviour.says)}")
    if behaviour.seconds and (behaviour.saves or behaviour.stubborn or behaviour.listens):
        lines.append(f"i=0; while [ $i -lt {round(behaviour.seconds * 10)} ]; do sleep 0.1; i=$((i+1)); done")
    elif behaviour.seconds:
        lines.append(f"sleep {behaviour.seconds}")
    lines.append(f"kill -{behaviour.dies_of} $$" if behaviour.dies_of else f"exit {behaviour.exit_code}")
    return ("sh", "-c", "\n".join(lines))


class Conformance:
    """The suite. Names of runs are fresh each time, so that an engine may be shared by tests."""

    rig: Rig
    slots: ClassVar[int] = 2

    def test_says_what_it_is(self) -> None:
        """Capabilities name sizes from which an impossible request can be refused."""
        size = _known(self.rig.engine.capabilities())
        _hold(isinstance(size, Capabilities) and size.slots >= self.slots and size.cpus >= 1 and size.memory_mb > 0, f"odd sizes: {size}")
        _hold(size.isolated or bool(size.problems), "an engine without isolation must say so in its problems")

    def test_runs_a_run_to_its_end(self) -> None:
        """Times are in order, the exit code is told, the log is whole."""
        name = self._submit(Behaviour(says="hello", seconds=0.3))
        end = self._ended(name)
        _hold(end.reason is EndReason.COMPLETED and end.exit_code == 0 and end.signal is None, f"odd end: {end}")
        _hold((end.submitted_at or 0) <= (end.started_at or 0) <= (end.ended_at or 0), f"times out of order: {end}")
        _hold((end.ended_at or 0) - (end.started_at or 0) > 0.299 - self.rig.resolution_s, f"too short: {end}")
        _hold(self._log(name) == b"hello", f"log: {self._log(name)!r}")

    def test_submitting_again_runs_nothing_twice(self) -> None:
        """A name already known is accepted and not run a second time, before, while and after it runs."""
        spec = self._spec(Behaviour(says="once.", seconds=0.2))
        for _time in range(3):
            _hold(self.rig.engine.submit(spec) == Accepted(), "a repeated submission must be accepted")
        self._until(lambda: self._see(spec.name).phase is not Phase.QUEUED, "it never started")
        _hold(self.rig.engine.submit(spec) == Accepted(), "a repeated submission must be accepted")
        first = self._ended(spec.name)
        _hold(self.rig.engine.submit(spec) == Accepted(), "a repeated submission must be accepted")
        self.rig.tick()
        _hold(self._see(spec.name) == first, "a repeated submission changed an ended run")
        _hold(self._log(spec.name) == b"once.", "it ran more than once")

    def test_an_unclear_submission_can_be_looked_up(self) -> None:
        """When the answer is lost the run is found by its name, and submitting again does no harm."""
        spec = self._spec(Behaviour(says="once."))
        _hold(isinstance(self.rig.submit_unclearly(spec), Unknown), "the answer should have been lost")
        self._until(lambda: isinstance(self._look(spec.name), Sighting), "a run that was taken must be seen")
        _hold(self.rig.engine.submit(spec) == Accepted(), "a repeated submission must be accepted")
        _hold(self._ended(spec.name).reason is EndReason.COMPLETED and self._log(spec.name) == b"once.", "it must run once")

    def test_absent_is_not_unknown(self) -> None:
        """What was never submitted is absent under every verb; an engine that cannot look says Unknown to all of them."""
        engine, name = self.rig.engine, _name()
        known = self._submit(Behaviour())
        seen = _known(engine.observe([name, known]))
        _hold(isinstance(seen[name], Absent) and isinstance(seen[known], Sighting), f"odd sightings: {seen}")
        for answer in (engine.cancel(name), engine.signal(name, "SIGUSR1"), engine.logs(name, 0, 10), engine.forget(name)):
            _hold(answer == Absent(), f"not absent: {answer}")
        self.rig.darken()
        try:
            answers: list[object] = [
                engine.capabilities(),
                engine.submit(self._spec(Behaviour())),
                engine.observe([name]),
                engine.changes(""),
                engine.usage(""),
            ]
            answers += [engine.cancel(known), engine.signal(known, "SIGUSR1"), engine.logs(known, 0, 10), engine.forget(known)]
        finally:
            self.rig.lighten()
        _hold(all(isinstance(answer, Unknown) for answer in answers), f"an answer in the dark: {answers}")
        self._ended(known)

    def test_darkness_stops_no_run(self) -> None:
        """A run goes on and ends, and is billed exactly, while nobody can look."""
        name = self._submit(Behaviour(says="begin ", seconds=1.0))
        self._started(name)
        self.rig.darken()
        for _time in range(3):
            self.rig.tick()
        self.rig.lighten()
        end = self._ended(name)
        _hold(end.reason is EndReason.COMPLETED and end.restart == 0, f"odd end: {end}")
        self._check_usage(end)

    def test_tells_how_a_run_failed(self) -> None:
        """Exit codes and signals are told apart."""
        coded, killed = self._submit(Behaviour(exit_code=7)), self._submit(Behaviour(dies_of=9))
        end = self._ended(coded)
        _hold((end.reason, end.exit_code, end.signal) == (EndReason.FAILED, 7, None), f"odd end: {end}")
        end = self._ended(killed)
        _hold((end.reason, end.exit_code, end.signal) == (EndReason.FAILED, None, 9), f"odd end: {end}")

    def test_holds_runs_to_their_time_limit(self) -> None:
        """A run that overstays ends for that reason, soon after its limit."""
        end = self._ended(self._submit(Behaviour(seconds=60), time_limit_s=1, grace_s=1))
        lasted = (end.ended_at or 0) - (end.started_at or 0)
        off = self.rig.resolution_s
        _hold(end.reason is EndReason.TIME_LIMIT and 1 - off <= lasted < 4 + off, f"odd end after {lasted} s: {end}")

    def test_gives_a_chance_to_save_before_the_limit_ends_it(self) -> None:
        """The checkpoint signal comes first, and what a run writes then is kept."""
        name = self._submit(Behaviour(says="begin ", seconds=60, saves=True), time_limit_s=1, grace_s=5)
        end = self._ended(name)
        _hold(end.reason is EndReason.TIME_LIMIT, f"odd end: {end}")
        _hold(self._log(name).startswith(b"begin ") and b"saved" in self._log(name), f"log: {self._log(name)!r}")

    def test_cancels_what_waits(self) -> None:
        """A cancelled run that had not started never starts and costs nothing."""
        blockers = [self._submit(Behaviour(seconds=30)) for _slot in range(self._size().slots)]
        waits = self._submit(Behaviour(says="no"))
        self._until(lambda: all(self._see(name).phase is Phase.RUNNING for name in blockers), "the blockers did not start")
        seen = self._see(waits)
        _hold(seen.phase is Phase.QUEUED and seen.position == 1 and bool(seen.waiting_for), f"a queued run must say where it stands: {seen}")
        _hold(self.rig.engine.cancel(waits) == Accepted(), "cancel must be accepted")
        for name in blockers:
            self.rig.engine.cancel(name)
        end = self._ended(waits)
        _hold(end.reason is EndReason.CANCELLED and end.started_at is None, f"odd end: {end}")
        for name in blockers:
            self._ended(name)
        _hold(not self._usage(waits) and self._log(waits) == b"", "it must not have run")

    def test_cancels_what_runs(self) -> None:
        """The checkpoint signal comes first; the run ends as cancelled, once, however often it is asked."""
        name = self._submit(Behaviour(says="begin ", seconds=60, saves=True), grace_s=5)
        self._until(lambda: self._log(name) == b"begin ", "it never spoke")
        for _time in range(2):
            _hold(self.rig.engine.cancel(name) == Accepted(), "cancel must be accepted")
        end = self._ended(name)
        _hold(end.reason is EndReason.CANCELLED and self._log(name).endswith(b"saved\n"), f"odd end: {end}, {self._log(name)!r}")
        self._check_usage(end)

    def test_kills_what_does_not_listen(self) -> None:
        """A run that ignores the checkpoint signal is gone after its grace."""
        name = self._submit(Behaviour(says="begin ", seconds=60, stubborn=True), grace_s=1)
        self._until(lambda: self._log(name) == b"begin ", "it never spoke")
        asked = self._see(name)
        self.rig.engine.cancel(name)
        end = self._ended(name)
        _hold(end.reason is EndReason.CANCELLED and (end.ended_at or 0) - (asked.started_at or 0) < 20, f"odd end: {end}")

    def test_ended_runs_stay_as_they_ended(self) -> None:
        """Cancelling or signalling an ended run changes nothing."""
        name = self._submit(Behaviour(exit_code=3))
        end = self._ended(name)
        _hold(self.rig.engine.cancel(name) == Accepted() and self.rig.engine.signal(name, "SIGUSR1") == Accepted(), "both must be accepted")
        self.rig.tick()
        _hold(self._see(name) == end, "an ended run changed")

    def test_passes_signals_on(self) -> None:
        """A signal reaches the run, which goes on."""
        name = self._submit(Behaviour(says="begin ", seconds=60, listens=True), grace_s=0)
        self._until(lambda: self._log(name) == b"begin ", "it never spoke")
        _hold(self.rig.engine.signal(name, "SIGUSR1") == Accepted(), "signal must be accepted")
        self._until(lambda: b"heard" in self._log(name), "the signal did not arrive")
        _hold(self._see(name).phase is Phase.RUNNING, "it should run on")
        self.rig.engine.cancel(name)
        self._ended(name)

    def test_logs_can_be_followed_by_offset(self) -> None:
        """A log is read in pieces while the run goes on and after; `complete` only when nothing can follow."""
        name = self._submit(Behaviour(says="0123456789", seconds=1.0))
        self._until(lambda: self._log(name) == b"0123456789", "it never spoke")
        piece = self._chunk(name, 3, 4)
        _hold((piece.data, piece.offset, piece.next_offset, piece.restart) == (b"3456", 3, 7, 0), f"odd piece: {piece}")
        _hold(self._see(name).phase is Phase.ENDED or not self._chunk(name, 10, 10).complete, "a running log cannot be complete")
        self._ended(name)
        _hold(
            self._chunk(name, 7, 100) == LogChunk(b"789", 7, 10, complete=True, restart=0, size_bytes=10),
            f"odd last piece: {self._chunk(name, 7, 100)}",
        )
        _hold(not self._chunk(name, 0, 5).complete, "more follows")
        _hold(self._chunk(name, 10, 5).complete and self._chunk(name, 10, 5).data == b"", "the end must be complete")
        _hold(self.rig.engine.logs(name, 0, 5, restart=9) == Absent(), "a start that never was has no log")
        _hold(self.rig.engine.logs(name, 0, 5, rank=1) == Absent(), "a rank that never was has no log")

    def test_changes_follow_a_cursor(self) -> None:
        """From a cursor on each changed run comes once, as it is now; when nothing changed nothing comes."""
        before = self._changes(self._changes("").cursor)
        names = [self._submit(Behaviour()) for _run in range(3)]
        seen = self._changes(before.cursor)
        _hold(sorted(sighting.name for sighting in seen.sightings) == sorted(names), f"odd changes: {seen}")
        for name in names:
            self._ended(name)
        last = self._changes(seen.cursor)
        now = {sighting.name: sighting.phase for sighting in (*seen.sightings, *last.sightings)}
        _hold(now == dict.fromkeys(names, Phase.ENDED), f"odd changes: {last}")
        _hold(self._changes(last.cursor).sightings == (), "nothing changed")
        everything = [sighting.name for sighting in self._changes("").sightings]
        _hold(set(names) <= set(everything) and len(everything) == len(set(everything)), "each run comes once")

    def test_usage_covers_a_run_exactly(self) -> None:
        """Windows of a start add up to its length; one is final; telling it again says the same."""
        end = self._ended(self._submit(Behaviour(seconds=1.3), slots=2))
        self._check_usage(end)
        _hold(all(record.slots == 2 for record in self._usage(end.name)), "slots must be told")
        _hold(self._usage(end.name) == self._usage(end.name), "the same question must get the same answer")

    def test_usage_never_falls(self) -> None:
        """While a run goes on its windows only grow, and a cursor brings each change."""
        name = self._submit(Behaviour(seconds=2.0))
        held: dict[tuple[int, float], float] = {}
        cursor = _known(self.rig.engine.usage("")).cursor
        for _tick in range(self.rig.ticks):
            over = self._see(name).phase is Phase.ENDED
            batch = _known(self.rig.engine.usage(cursor))
            cursor = batch.cursor
            for record in batch.records:
                key = (record.restart, record.window_start)
                if record.name == name:
                    _hold(record.seconds >= held.get(key, 0.0), f"usage fell: {record}")
                    held[key] = record.seconds
            if over and not batch.records:
                break
            self.rig.tick()
        _hold(held == {(record.restart, record.window_start): record.seconds for record in self._usage(name)}, "the cursor missed something")

    def test_refuses_what_can_never_run(self) -> None:
        """An impossible request is refused with a sentence and leaves nothing behind."""
        size = self._size()
        changes: list[dict[str, Any]] = [
            {"slots": size.slots + 1},
            {"cpus": size.cpus + 1},
            {"memory_mb": size.memory_mb + 1},
            {"nodes": size.nodes + 1},
        ]
        for change in changes:
            spec = self._spec(Behaviour(), **change)
            answer = self.rig.engine.submit(spec)
            _hold(isinstance(answer, Refused) and answer.sentence.endswith("."), f"not refused: {change}: {answer}")
            _hold(self._look(spec.name) == Absent(), "a refused run must be absent")

    def test_forgets_only_what_has_ended(self) -> None:
        """After forgetting the run is absent and its name cannot be run again; its usage can still be read."""
        name = self._submit(Behaviour(seconds=60), grace_s=0)
        self._started(name)
        _hold(isinstance(self.rig.engine.forget(name), Unknown) and self._see(name).phase is Phase.RUNNING, "a running run cannot be forgotten")
        self.rig.engine.cancel(name)
        end = self._ended(name)
        _hold(self.rig.engine.forget(name) == Accepted(), "an ended run can be forgotten")
        _hold(self._look(name) == Absent() and self.rig.engine.forget(name) == Absent(), "it must be gone")
        _hold(not isinstance(self.rig.engine.submit(self._spec(Behaviour(), name=name)), Accepted), "a used name must not run again")
        self._check_usage(end)

    def test_all_get_their_turn(self) -> None:
        """More runs than there is room for all run, each once, and never too many at a time."""
        names = [self._submit(Behaviour(says="x", seconds=0.3)) for _run in range(self._size().slots * 2 + 1)]
        ends = [self._ended(name) for name in names]
        _hold(all(end.reason is EndReason.COMPLETED for end in ends) and all(self._log(name) == b"x" for name in names), f"odd ends: {ends}")
        moments = [end.started_at or 0 for end in ends]
        most = max(sum((end.started_at or 0) <= moment < (end.ended_at or 0) for end in ends) for moment in moments)
        _hold(most <= self._size().slots, f"{most} ran at a time")

    # Steps

    def _size(self) -> Capabilities:
        return _known(self.rig.engine.capabilities())

    def _spec(self, behaviour: Behaviour, name: str | None = None, **changes: Any) -> RunSpec:
        return self.rig.spec(name or _name(), behaviour, **changes)

    def _submit(self, behaviour: Behaviour, **changes: Any) -> str:
        spec = self._spec(behaviour, **changes)
        answer = self.rig.engine.submit(spec)
        _hold(answer == Accepted(), f"not accepted: {answer}")
        return spec.name

    def _look(self, name: str) -> Sighting | Absent:
        return _known(self.rig.engine.observe([name]))[name]

    def _see(self, name: str) -> Sighting:
        seen = self._look(name)
        if isinstance(seen, Absent):
            raise AssertionError(f"{name} is absent")
        return seen

    def _started(self, name: str) -> None:
        self._until(lambda: self._see(name).phase is Phase.RUNNING, "it never started")

    def _ended(self, name: str) -> Sighting:
        self._until(lambda: self._see(name).phase is Phase.ENDED, f"{name} never ended")
        return self._see(name)

    def _until(self, condition: Callable[[], bool], complaint: str) -> None:
        for _tick in range(self.rig.ticks):
            if condition():
                return
            self.rig.tick()
        _hold(condition(), complaint)

    def _chunk(self, name: str, offset: int, limit: int) -> LogChunk:
        chunk = self.rig.engine.logs(name, offset, limit)
        if not isinstance(chunk, LogChunk):
            raise AssertionError(f"{name} has no log: {chunk}")
        return chunk

    def _log(self, name: str) -> bytes:
        return self._chunk(name, 0, 1_000_000).data

    def _changes(self, since: str) -> Changes:
        """Read changes to their end, each run as it was seen last."""
        latest: dict[str, Sighting] = {}
        while (batch := _known(self.rig.engine.changes(since))).sightings:
            latest |= {sighting.name: sighting for sighting in batch.sightings}
            since = batch.cursor
        return Changes(batch.cursor, tuple(latest.values()))

    def _usage(self, name: str) -> list[UsageRecord]:
        """Return the last word on each window of a run, in order."""
        latest: dict[tuple[int, float], UsageRecord] = {}
        since = ""
        while (batch := _known(self.rig.engine.usage(since))).records:
            latest |= {(record.restart, record.window_start): record for record in batch.records if record.name == name}
            since = batch.cursor
        return [latest[key] for key in sorted(latest)]

    def _check_usage(self, end: Sighting) -> None:
        records = self._usage(end.name)
        lasted = (end.ended_at or 0) - (end.started_at or 0)
        _hold(abs(sum(record.seconds for record in records) - lasted) < 0.0005 * (len(records) + 1), f"{lasted} s, but {records}")
        _hold([record.final for record in records] == [False] * (len(records) - 1) + [True], f"the last window and only it is final: {records}")
        _hold(records[0].window_start <= (end.started_at or 0) and records[-1].window_start <= (end.ended_at or 0), f"outside of the run: {records}")


def _name() -> str:
    return f"conf-{next(_numbers)}"


def _known(answer: _T | Unknown) -> _T:
    if isinstance(answer, Unknown):
        raise AssertionError(f"unknown: {answer.why}")
    return answer


def _hold(condition: bool, complaint: str) -> None:  # noqa: FBT001 - reads like assert, which optimised runs would leave out
    if not condition:
        raise AssertionError(complaint)
