"""The runs that have not ended and the one place where they move: what a look saw of a run's job becomes its phase, its starts and its end.

    queued (new -> sent -> held -> out) -> running -> ended        running -> queued: requeued, or forgotten by the controller and sent again

Nothing here asks Slurm; it is told what was seen. The caller commits, and draws everything anew with `recover` where that fails.
"""

from collections.abc import Callable
from typing import Any

from wutong.centre.engines import usage
from wutong.centre.engines.journal import Row
from wutong.centre.engines.protocol import EndReason, RunSpec
from wutong.centre.engines.slurm import rules
from wutong.centre.engines.slurm.lives import Live, Lives, live_of
from wutong.centre.engines.slurm.look import Picture
from wutong.centre.engines.slurm.records import Records
from wutong.centre.engines.slurm.rules import Job, Outcome, Standing
from wutong.centre.engines.slurm.spool import Spool, StartFacts

_RELEASED_MS = 2000
_MOST_RELEASES = 3
_RESULT_MS = 3000
"""How long a result may be late: another machine's file is not seen at once."""
_SKEW_MS = 5000
"""How far the clocks of controller and adapter may be apart: a window is told this long after it is over."""
CANCELLED_EARLY = "Cancelled before it started."
_FINISHED = frozenset(("COMPLETED", "FAILED"))


class Runs:
    """All open runs by name."""

    def __init__(
        self, records: Records, spool: Spool, now_ms: Callable[[], int], *, is_tenants_user: Callable[[str], bool], completing_ms: int
    ) -> None:
        self.records = records
        self.spool = spool
        self.picture = Picture()
        self.now_ms = now_ms
        self.lives = Lives()
        self.duplicates: set[str] = set()
        self._is_tenants_user = is_tenants_user
        self._completing_ms = completing_ms
        self._unfinished: dict[str, Job] = {}
        self._released: dict[str, int] = {}
        self._held_back: dict[str, int] = {}
        self.reckoned_ms = 0

    def recover(self) -> None:
        """Draw the picture anew from the records; what the last look saw is looked at again as a whole."""
        self.picture, self.lives, self._unfinished, self.duplicates = Picture(), Lives(), {}, set()
        for row in self.records.list_open():
            self.lives.put(live_of(row))

    def add(self, spec: RunSpec, user: str) -> None:
        """Take a run in."""
        self.records.add(spec, user, self.now_ms())
        self.lives.put(Live(spec.name, spec.tenant, user, "new", "queued", 0, 0, None, 0, None, spec.slots * spec.nodes))

    def cancel(self, live: Live) -> None:
        """Note that a run is to be stopped; one that has not been sent ends here and now."""
        if live.cancel_ms is None:
            live.cancel_ms = self.now_ms()
            self.lives.put(live)
            self.records.change(live.name, cancel_ms=live.cancel_ms)
        if live.stage == "new":
            self.end_unsent(live, cancelled_early())

    # What a look saw

    def take_look(self, records: list[str]) -> None:
        """Take in a look at the queue: only what changed in it costs anything."""
        changed, dropped = self.picture.take(records)
        for job in dropped:
            live = self.lives.find(job.name)
            if live is not None and (live.job, live.user) == (job.id, job.user):
                self.lives.unsighted[live.name] = live
        for job in changed:
            live = self.lives.find(job.name)
            if live is None and self._is_stray(job):
                self.duplicates.add(job.id)
            elif live is not None and live.user == job.user:
                self._seen(live, job)
        self._hold_again()
        for name, job in list(self._unfinished.items()):
            if (live := self.lives.find(name)) is not None and live.job == job.id:
                self._move(live, self.picture.find(job.id, job.name, job.user) or job)
            else:
                self._unfinished.pop(name, None)

    def _is_stray(self, job: Job) -> bool:
        """Tell whether a job stands for a run that is over: a submission that came late, or a job that the controller brought back when it forgot."""
        if job.standing in {Standing.ENDED, Standing.COMPLETING} or not self._is_tenants_user(job.user):
            return False
        row = self.records.find(job.name)
        return self.records.was_forgotten(job.name) if row is None else row["user"] == job.user

    def _hold_again(self) -> None:
        """Count as held what was released and still is held a while later; it is released again, but not for ever: a job that no node can start
        takes a node out of service each time.
        """
        now = self.now_ms()
        for name, released in list(self._released.items()):
            live = self.lives.find(name)
            job = None if live is None or live.job is None else self.picture.find(live.job, live.name, live.user)
            if live is None or live.stage != "out" or (job is not None and job.standing is not Standing.PENDING):
                del self._released[name]
            elif job is not None and rules.is_held_back(job.reason) and now >= released + _RELEASED_MS:
                del self._released[name]
                tries = self._held_back[name] = self._held_back.get(name, 0) + 1
                if tries <= _MOST_RELEASES:
                    self.set_stage(live, "held")

    def released(self, live: Live) -> None:
        """Note that a run's job was released."""
        self.set_stage(live, "out")
        self._released[live.name] = self.now_ms()

    def missing(self) -> list[Live]:
        """List the runs whose job is known and was not seen by the last look."""
        gone = []
        for name, live in list(self.lives.unsighted.items()):
            if live.job is None or self.picture.find(live.job, live.name, live.user) is not None:
                live.missing_ms = None
                del self.lives.unsighted[name]
            elif name not in self._unfinished:
                live.missing_ms = live.missing_ms or self.now_ms()
                gone.append(live)
        return gone

    def adopt(self, live: Live, job: Job) -> None:
        """Take a job that carries a run's name for the run's."""
        live.count = job.count
        self.set_stage(live, "held", job=job.id, count=job.count)
        self._move(live, job)

    def _seen(self, live: Live, job: Job) -> None:
        if live.job == job.id:
            self._move(live, job)
        elif live.job is None:
            if job.standing is not Standing.ENDED or live.stage == "sent":
                self.adopt(live, job)
        elif job.standing is not Standing.ENDED and self.picture.find(live.job, live.name, live.user) is not None:
            # Sent twice because the first answer was lost; only the one that was written down is ever released.
            self.duplicates.add(job.id)

    def _move(self, live: Live, job: Job) -> None:
        if live.stage == "held" and job.reason != "JobHeldUser":
            self.set_stage(live, "out")
        known = live.count if live.started is not None else -1
        if rules.began_anew(known_started=live.started, known_count=known, job=job):
            self._start_again(live, live.base + 1, job.count, fault=EndReason.ENGINE_FAULT)
        elif job.count > live.count and job.standing is not Standing.ENDED:
            self._start_again(live, live.base, job.count)
        elif job.count < live.count:  # the controller went back to an older state of its own; our numbers never do
            self._start_again(live, live.restart + (live.started is not None) - job.count, job.count, fault=EndReason.ENGINE_FAULT)
        match job.standing:
            case Standing.PREPARING | Standing.PENDING | Standing.STRANGE:
                live.odd_ms = None
                if live.stage == "out" and rules.is_held_back(job.reason):
                    self._released.setdefault(live.name, self.now_ms())
            case Standing.RUNNING:
                live.odd_ms = None
                self._run(live, job)
            case Standing.COMPLETING:
                self._complete(live, job)
            case Standing.ENDED:
                self._finish(live, job)

    def _start_again(self, live: Live, base: int, count: int, *, fault: str = "") -> None:
        """The job was requeued, or the controller forgot that it had begun, which is the `fault`: its next start has a number of its own."""
        restart = base + count
        if live.started is not None:
            self._close_later(live, live.restart, live.count, live.started, fault)
        for missed in range(live.restart + (live.started is not None), restart):
            self._close_later(live, missed, missed - live.base, None, "")
        live.base, live.count, live.restart, live.started, live.phase = base, count, restart, None, "queued"
        values = {"base": base, "count": count, "restart": restart, "phase": "queued"}
        self.records.change(live.name, **values, started=None, node=None)

    def _close_later(self, live: Live, restart: int, count: int, started: int | None, fault: str) -> None:
        start = {"started": started, "noticed": self.now_ms() // 1000, "fault": fault}
        self.records.put_start(live.name, restart, job=live.job or "", count=count, state="closing", **start)

    def _run(self, live: Live, job: Job) -> None:
        if live.phase == "running" and live.started == job.started:
            return
        live.phase, live.started, live.told_ms = "running", job.started, None
        self.records.change(live.name, phase="running", started=job.started, node=job.node)
        self.records.put_start(live.name, live.restart, job=job.id, count=job.count, state="open", started=job.started, node=job.node)

    def _complete(self, live: Live, job: Job) -> None:
        """The job is being cleared away. Its runner's word is only taken for it where that goes on for long: it may yet be requeued."""
        if live.started is None:
            return  # what a requeued job shows as its start while it completes is the present moment
        live.odd_ms = live.odd_ms or self.now_ms()
        self._unfinished[live.name] = job
        if self.now_ms() - live.odd_ms >= self._completing_ms:
            facts, result = self.evidence(live, job.count)
            if facts is not None and rules.is_final(result):
                self.end(live, started=live.started, ended=job.ended, node=job.node, outcome=self._outcome(live, job, facts, result))

    def _finish(self, live: Live, job: Job) -> None:
        """The job is over."""
        if job.count > live.count or (live.started and job.started and job.node and job.started > live.started):
            forgotten = job.count == live.count
            self._start_again(live, live.base + forgotten, job.count, fault=EndReason.ENGINE_FAULT if forgotten else "")
        facts, result = self.evidence(live, job.count)
        late = result is None and job.node and job.state in _FINISHED
        if late:
            live.odd_ms = live.odd_ms or self.now_ms()
            if self.now_ms() - live.odd_ms < _RESULT_MS:
                self._unfinished[live.name] = job
                return
        started = (job.started or live.started) if job.node else None
        self.end(live, started=started, ended=job.ended, node=job.node, outcome=self._outcome(live, job, facts, result), evidence=(facts, result))

    def evidence(self, live: Live, count: int) -> tuple[StartFacts | None, dict[str, Any] | None]:
        """Return what the runner of a start of the run's present job left. Of two that Slurm counts as one start the later is the one it knows of."""
        starts = [start for start in self.spool.starts(live.tenant, live.name) if start.job == live.job and start.count == count]
        if not starts:
            return None, None
        return starts[-1], self.spool.result(live.tenant, live.name, starts[-1].number)

    def _outcome(self, live: Live, job: Job, facts: StartFacts | None, result: dict[str, Any] | None) -> Outcome:
        return rules.outcome(
            job.state,
            job.exit_status,
            result,
            began=facts is not None,
            cancelled=live.cancel_ms is not None,
            cancel_detail="Cancelled on request." if job.node else CANCELLED_EARLY,
        )

    # Moves that others ask for

    def set_stage(self, live: Live, stage: str, **values: Any) -> None:
        """Write down how far a queued run has got."""
        live.stage = stage
        live.sent_ms = values.get("sent_ms", live.sent_ms)
        live.job = values.get("job", live.job)
        self.lives.put(live)
        self.records.note(live.name, stage=stage, **values)

    def send_again(self, live: Live) -> None:
        """The controller lost the job: what it may have started counts as a start that is over, and the run is sent once more."""
        begun = [start for start in self.spool.starts(live.tenant, live.name) if start.job == live.job]
        if live.started is not None or begun:
            last = max([live.count if live.started is not None else 0, *(start.count for start in begun)])
            self._start_again(live, live.base + last + 1, 0, fault=EndReason.ENGINE_FAULT)
        live.base, live.count, live.missing_ms, live.odd_ms = live.restart, 0, None, None
        self._unfinished.pop(live.name, None)
        self.set_stage(live, "new", job=None, base=live.base, count=0)

    def end(
        self,
        live: Live,
        *,
        started: int | None,
        ended: int | None,
        outcome: Outcome,
        node: str | None = None,
        evidence: tuple[StartFacts | None, dict[str, Any] | None] | None = None,
    ) -> None:
        """End a run. Times are Slurm's, in whole seconds, so that what is billed is what its accounting says."""
        facts, result = evidence or (None, None)
        until = max(ended if ended is not None else self.now_ms() // 1000, started or 0)
        self.records.end(
            live.name,
            started=started,
            ended=until,
            node=node or None,
            reason=outcome.reason.value,
            detail=outcome.detail,
            exit_code=outcome.exit_code,
            signal=outcome.signal,
            max_memory_mb=_count(result, "max_memory_mb"),
            cpu_ms=_count(result, "cpu_ms"),
        )
        if started is not None:
            folder = facts.number if facts is not None else None
            start = {"started": started, "ended": until, "node": node, "folder": folder}
            self.records.put_start(live.name, live.restart, job=live.job or "", count=live.count, state="closed", **start)
            self._bill(live.name, live.restart, live.slots, started, until)
        self.spool.drop_secrets(live.tenant, live.name)
        self.lives.drop(live.name)
        self._unfinished.pop(live.name, None)

    def end_unsent(self, live: Live, outcome: Outcome) -> None:
        """End a run that has no job."""
        self.end(live, started=None, ended=None, outcome=outcome)

    def close_start(self, row: Row, *, started: int | None, ended: int, fault: str = "") -> None:
        """Write when an earlier start was over, whose fault that was, and its usage; a start that never had a beginning costs nothing."""
        begun = row["started"] if row["started"] is not None else started
        until = max(ended, begun or 0)
        start = {"started": begun, "ended": until, "fault": row["fault"] or fault}
        self.records.put_start(row["name"], row["restart"], job=row["job"], count=row["count"], state="closed", **start)
        if begun is not None:
            self._bill(row["name"], row["restart"], row["slots"], begun, until)

    def reckon(self, seen_ms: int) -> None:
        """Write the usage windows that were over when the cluster last said that the runs go on; does nothing until one is."""
        window = self.records.window_ms
        sure_ms = seen_ms - _SKEW_MS
        until = sure_ms // window * window
        if until <= self.reckoned_ms:
            return
        unsure = {live.name for live in self.missing()} | self._unfinished.keys()
        for row in [row for row in self.records.list_running() if row["name"] not in unsure]:
            last = self.records.last_window(row["name"], row["restart"])
            fresh = usage.windows(row["started"] * 1000, sure_ms, window_ms=window, ended=False, after_ms=last)
            self.records.add_usage(row["name"], row["restart"], row["slots"], fresh)
        self.reckoned_ms = until

    def _bill(self, name: str, restart: int, slots: int, started: int, ended: int) -> None:
        # What was told already stays told, should a clock have jumped: usage never falls.
        until = max(ended * 1000, self.records.told_until(name, restart, started * 1000))
        self.records.add_usage(name, restart, slots, usage.windows(started * 1000, until, window_ms=self.records.window_ms, ended=True))


def cancelled_early() -> Outcome:
    """Return the end of a run that was cancelled before it had a job."""
    return Outcome(EndReason.CANCELLED, CANCELLED_EARLY)


def _count(result: dict[str, Any] | None, key: str) -> int | None:
    value = (result or {}).get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None
