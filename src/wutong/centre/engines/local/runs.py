"""The agent's runs: taken in, started in turn, adopted when they outlived an agent, ended. The one place where a run's phase moves.

    queued -> starting -> running -> ended        starting -> queued when its keeper died before the job began
    queued -> ended (cancelled)                   starting -> ended (could not be prepared)

Memory is a picture of the records: after a failed commit it is thrown away and drawn again, as after a restart.
"""

import contextlib
import errno
import gc
from collections.abc import Callable
from pathlib import Path

from wutong.centre.engines import usage
from wutong.centre.engines.journal import Row
from wutong.centre.engines.local import admission, folders, keepers
from wutong.centre.engines.local.cards import Cards
from wutong.centre.engines.local.folders import Home
from wutong.centre.engines.local.job import Ticket
from wutong.centre.engines.local.keepers import Live
from wutong.centre.engines.local.moments import monotonic_ms, now_ms
from wutong.centre.engines.local.pool import Pool
from wutong.centre.engines.local.queue import Holding, Need, Plan, Queue, Shares, Waiting, charge, plan
from wutong.centre.engines.local.records import Records
from wutong.centre.engines.local.sandbox import FIRST_IDENTITY, Sandbox
from wutong.centre.engines.protocol import Absent, Accepted, EndReason, Refused, RunSpec, Unknown

_MOST_RESTARTS = 3
_STOP_S = 5
_LATE_MS = 2000
_DAY_MS = 24 * 3600 * 1000
_NO_CARDS = Cards()


class Runs:
    """All runs that have not ended, and the moves between their phases."""

    def __init__(
        self, home: Home, records: Records, *, total: Need, sandbox: Sandbox, key_file: Path | None, half_life_s: float, cards: Cards = _NO_CARDS
    ) -> None:
        self.home = home
        self.records = records
        self.total = total
        self.cards = cards
        self.sandbox = sandbox
        self.key_file = key_file
        self.half_life_s = half_life_s
        self.queue = Queue()
        self.live: dict[str, Live] = {}
        self.unsure: list[Live] = []
        self.plan = Plan()
        self.pool = Pool()
        self.watch: Callable[[Live], None] = lambda _live: None
        self.unwatch: Callable[[Live], None] = lambda _live: None
        self._to_launch: list[Live] = []
        self.failed: list[tuple[Live, OSError]] = []
        self._stale = True
        self._reckon_at = 0
        self._prune_at = 0

    # Requests

    def submit(self, spec: RunSpec) -> Accepted | Refused | Unknown:
        """Take a run in, once."""
        if self.records.find(spec.name) is not None:
            return Accepted()
        if self.records.was_forgotten(spec.name):
            return Refused(f"A run named {spec.name} was here, ended, and was forgotten; a new run needs a name of its own.")
        why = admission.refusal(spec, self.total) or self._refuse_former(spec)
        if why is not None:
            return Refused(why)
        submitted = now_ms()
        self.records.add(spec, submitted)
        self.queue.add(_waiting(spec, submitted))
        self._stale = True
        return Accepted()

    def cancel(self, name: str, *, at_once: bool = False) -> Accepted | Absent:
        """Stop a run; one that waits ends here and now."""
        row = self.records.find(name)
        if row is None:
            return Absent()
        if row["phase"] == "queued":
            self.queue.remove(name)
            self.records.end(name, reason=EndReason.CANCELLED.value, detail="Cancelled before it started.", ended_ms=now_ms(), cancel=1)
            self._stale = True
        elif row["phase"] != "ended":
            if not row["cancel"]:
                self.records.change(name, cancel=1)
            if name in self.live:
                self.live[name].order("kill" if at_once else "cancel")
        return Accepted()

    def signal(self, name: str, number: str) -> Accepted | Absent | Unknown:
        """Pass a signal on to a run's processes."""
        row = self.records.find(name)
        if row is None:
            return Absent()
        if not admission.is_signal(number):
            return Unknown(f"{number!r} is not a signal that can be sent to a run.")
        if row["phase"] in {"starting", "running"} and name in self.live:
            self.live[name].order(f"signal {number}")
        return Accepted()

    def forget(self, name: str) -> Accepted | Absent | Unknown:
        """Drop an ended run's files and record."""
        row = self.records.find(name)
        if row is None:
            return Absent()
        if row["phase"] != "ended":
            return Unknown("The run has not ended; cancel it first.")
        with contextlib.suppress(FileNotFoundError):
            self.home.trash.mkdir(exist_ok=True)
            self.home.run(name).path.rename(self.home.trash / name)
        self.records.forget(name, now_ms())
        return Accepted()

    # Starting

    def schedule(self) -> None:
        """Choose what starts now and write that down; nothing is forked before it is durable."""
        for live, error in self.failed:
            self._not_started(live, error)
        self.failed = []
        if not self._stale:
            return
        self._stale = False
        if not self.queue:
            self.plan = Plan()
            return
        now_s = monotonic_ms() / 1000
        holding = [Holding(live.need, max(now_s, (live.started_mono or live.since_mono) / 1000 + live.lasts_s)) for live in self.live.values()]
        self.plan = plan(self.queue, holding, self.total, self.shares(), now_s)
        for run in self.plan.starts:
            self._choose(run)

    def launch(self) -> None:
        """Fork the keepers of what was chosen, after the commit."""
        chosen, self._to_launch = self._to_launch, []
        for live in chosen:
            try:
                keepers.launch(live, self._ticket(live), self.pool)
                self.watch(live)
            except OSError as error:
                live.close()
                self.failed.append((live, error))

    def free(self) -> Need:
        """Return what nobody holds."""
        free = self.total
        for live in self.live.values():
            free = free - live.need
        return free

    def shares(self) -> Shares:
        """Return each tenant's decayed use; what runs is charged for what it may yet take."""
        now, mono = now_ms(), monotonic_ms()
        used: dict[str, float] = {}
        weights: dict[str, float] = {}
        for tenant, (amount, at_ms, weight) in self.records.shares().items():
            used[tenant] = usage.decayed(amount, (now - at_ms) / 1000, self.half_life_s)
            weights[tenant] = weight
        for live in self.live.values():
            so_far = (mono - live.started_mono) / 1000 * max(live.need.counted, 0.1) if live.started_ms is not None else 0.0
            used[live.tenant] = used.get(live.tenant, 0.0) + max(so_far, charge(live.need, live.lasts_s))
        return Shares(used, weights)

    def set_weight(self, tenant: str, weight: float) -> None:
        """Set a tenant's weight in the fair share."""
        amount, at_ms, _weight = self.records.shares().get(tenant, (0.0, now_ms(), 1.0))
        self.records.set_share(tenant, used=amount, at_ms=at_ms, weight=weight)
        self._stale = True

    # Running and ending

    def started(self, live: Live) -> None:
        """The keeper says that the job has begun."""
        if live.started_ms is None and keepers.read_facts(live) and self.live.get(live.name) is live:
            self.records.change(live.name, phase="running", started_ms=live.started_ms)

    def gone(self, live: Live) -> None:
        """The keeper is done or gone: write how the run ended, or what its loss means."""
        keepers.collect(live)
        self.unwatch(live)
        live.close()
        self.pool.over(live.pid)
        if self.live.get(live.name) is live:
            self._settle(live, seen_alive=True)

    def reckon(self) -> None:
        """Write the usage windows of running runs that are over; does nothing until one is.

        A little late, because a job that ended just before a window did is still with its keeper then, and what is reported is not taken back.
        """
        now, window = now_ms(), self.records.window_ms
        if now < self._reckon_at:
            return
        late = min(_LATE_MS, window // 4)
        self._reckon_at = ((now - late) // window + 1) * window + late
        mono = monotonic_ms() - late
        for live in self.live.values():
            if live.started_ms is not None:
                until = live.started_ms + mono - live.started_mono
                fresh = usage.windows(live.started_ms, until, window_ms=window, ended=False, after_ms=live.reported_ms)
                self.records.add_usage(live.name, live.restart, live.need.counted, fresh)
                live.reported_ms = max(until // window * window, live.reported_ms or 0)
        if now >= self._prune_at:
            self._prune_at = now + _DAY_MS
            self.records.prune(now - 30 * _DAY_MS)

    def next_window_s(self) -> float | None:
        """Return in how many seconds a usage window of something running is over."""
        if not any(live.started_ms is not None for live in self.live.values()):
            return None
        return max(0.0, (self._reckon_at - now_ms()) / 1000 + 0.005)

    def recover(self) -> None:
        """Draw the picture anew from the records and from what lives on this machine."""
        for live in self.live.values():
            self.unwatch(live)
            live.close()
        self.pool.disown()
        self.queue, self.live, self.unsure, self._to_launch, self.failed = Queue(), {}, [], [], []
        self._stale = True
        for row in list(self.records.list_open()):
            spec = self.records.spec(row["name"])
            if row["phase"] == "queued":
                self.queue.add(_waiting(spec, row["submitted_ms"]))
            else:
                self.find_again(self._live(spec, row), cancelled=bool(row["cancel"]))
        gc.collect()

    def find_again(self, live: Live, *, cancelled: bool = False) -> None:
        """Adopt a start whose keeper lives; settle one whose keeper does not."""
        self.live[live.name] = live
        found = keepers.adopt(live)
        if found is False:
            self._settle(live, seen_alive=False)
            return
        if found is None:
            self.unsure.append(live)
            return
        self.watch(live)
        self.started(live)
        if live.started_ms is None:
            self.unsure.append(live)
        if cancelled:
            live.order("cancel")

    def look_again(self) -> None:
        """Look once more at starts that were only just forked when they were adopted."""
        unsure, self.unsure = self.unsure, []
        for live in unsure:
            if self.live.get(live.name) is not live:
                continue
            if live.watch < 0:
                self.find_again(live, cancelled=bool((self.records.find(live.name) or {"cancel": 0})["cancel"]))
            else:
                self.started(live)
                if live.started_ms is None:
                    self.unsure.append(live)

    # Steps

    def _refuse_former(self, spec: RunSpec) -> str | None:
        former = None if spec.resume_from is None else self.records.find(spec.resume_from)
        if former is None:
            return None
        if former["tenant"] != spec.tenant:
            return f"There is no run {spec.resume_from} to resume from."
        return None if former["phase"] == "ended" else f"The run {spec.resume_from} has not ended, so it cannot be resumed from yet."

    def _choose(self, run: Waiting) -> None:
        row = self.records.find(run.name)
        restart = row["restart"] if row is not None else 0
        there = self.cards.numbers if run.need.cards else range(self.total.slots)
        taken = {device for live in self.live.values() if bool(live.need.cards) == bool(run.need.cards) for device in live.devices}
        devices = tuple(device for device in there if device not in taken)[: run.need.counted]
        self.queue.remove(run.name)
        self.records.change(run.name, phase="starting", devices=",".join(map(str, devices)))
        if self.sandbox.kind != "none" and self.sandbox.as_root:
            self.records.identity(run.tenant)
        folder = self.home.run(run.name)
        live = Live(run.name, run.tenant, run.need, run.lasts_s, restart, devices, folder, monotonic_ms())
        self.live[run.name] = live
        self._to_launch.append(live)

    def _ticket(self, live: Live) -> Ticket:
        spec = self.records.spec(live.name)
        confined = self.sandbox.kind != "none" and self.sandbox.as_root
        identity = FIRST_IDENTITY + self.records.identity(live.tenant) if confined else None
        former = None if spec.resume_from is None else self.records.find(spec.resume_from)
        mine = former is not None and former["tenant"] == spec.tenant and former["phase"] == "ended"
        source = self.home.run(former["name"]) if former is not None and mine else None
        cards = self.cards if live.need.cards else _NO_CARDS
        return Ticket(spec, live.folder, live.restart, live.devices, identity, self.sandbox, self.key_file, source, cards)

    def _live(self, spec: RunSpec, row: Row) -> Live:
        devices = tuple(int(device) for device in row["devices"].split(",") if device)
        lasts = spec.time_limit_s + spec.grace_s + _STOP_S
        live = Live(spec.name, spec.tenant, admission.need_of(spec), lasts, row["restart"], devices, self.home.run(spec.name), monotonic_ms())
        last = self.records.last_window(live.name, live.restart)
        live.reported_ms = None if last is None else last + self.records.window_ms
        return live

    def _not_started(self, live: Live, error: OSError) -> None:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        reason = EndReason.DISK_FULL if full else EndReason.ENGINE_FAULT
        why = "the machine's disk is full" if full else error.strerror or "of a fault of the machine"
        self._release(live)
        self.records.end(live.name, reason=reason.value, detail=f"The run could not be started because {why}.", ended_ms=now_ms())

    def _settle(self, live: Live, *, seen_alive: bool) -> None:
        result = folders.read_json(live.folder.result(live.restart))
        if result is not None:
            self._end(live, result)
            return
        keepers.bury(live)
        row = self.records.find(live.name)
        known_start: int | None = None if row is None else row["started_ms"]
        if not keepers.read_facts(live) and known_start is None:
            # A keeper that was forked counts as a start, with a log of its own; one that an agent died before forking does not.
            self._again(live, counts=seen_alive or live.folder.logs(live.restart).exists())
            return
        started = live.started_ms or known_start or 0
        # While we watched, the end is now; else it is the keeper's last sign of life, but never before what was already reported.
        ended = started + monotonic_ms() - live.started_mono if seen_alive and live.started_mono else keepers.last_sign_ms(live)
        detail = "The process that kept the run was lost, and the run with it. It is the centre's fault, not the run's."
        values = {"reason": EndReason.ENGINE_FAULT.value, "detail": detail, "started_ms": started, "ended_ms": max(ended, started)}
        self._end(live, values)

    def _again(self, live: Live, *, counts: bool) -> None:
        """Queue a start once more whose keeper was lost before the job began: nothing ran, so nothing can run twice."""
        self._release(live)
        row = self.records.find(live.name)
        if row is not None and row["cancel"]:
            self.records.end(live.name, reason=EndReason.CANCELLED.value, detail="Cancelled before it started.", ended_ms=now_ms())
        elif live.restart >= _MOST_RESTARTS:
            detail = "The run could not be started: the process that was to keep it was lost several times."
            self.records.end(live.name, reason=EndReason.ENGINE_FAULT.value, detail=detail, ended_ms=now_ms())
        elif row is not None:
            self.records.change(live.name, phase="queued", restart=live.restart + counts, devices="")
            self.queue.add(_waiting(self.records.spec(live.name), row["submitted_ms"]))

    def _end(self, live: Live, result: dict[str, object]) -> None:
        self._release(live)
        kept = ("reason", "detail", "exit_code", "signal", "started_ms", "ended_ms", "max_memory_mb", "cpu_ms")
        started, ended = result.get("started_ms"), result.get("ended_ms")
        if isinstance(started, int) and isinstance(ended, int):
            ended = max(ended, live.reported_ms or 0)  # else the last window would fall, and never be final
        self.records.end(live.name, **{key: result[key] for key in kept if key in result} | {"ended_ms": ended})
        if not isinstance(started, int) or not isinstance(ended, int):
            return
        windows = usage.windows(started, ended, window_ms=self.records.window_ms, ended=True)
        self.records.add_usage(live.name, live.restart, live.need.counted, windows)
        now = now_ms()
        amount, at_ms, weight = self.records.shares().get(live.tenant, (0.0, now, 1.0))
        kept_use = usage.decayed(amount, (now - at_ms) / 1000, self.half_life_s)
        spent = (ended - started) / 1000 * max(live.need.counted, 0.1)
        self.records.set_share(live.tenant, used=kept_use + spent, at_ms=now, weight=weight)

    def _release(self, live: Live) -> None:
        self.live.pop(live.name, None)
        self._stale = True


def _waiting(spec: RunSpec, submitted_ms: int) -> Waiting:
    lasts = spec.time_limit_s + spec.grace_s + _STOP_S
    return Waiting(spec.name, spec.tenant, admission.need_of(spec), lasts, spec.priority, submitted_ms)
