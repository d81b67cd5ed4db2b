"""Carries out on the cluster what was accepted: submits held jobs, writes their ids down, releases them, cancels, and pokes runners.

What is written down comes before what is done, so that any of it may be cut short: a submission is noted before it leaves and found again by its
name; a job that nobody wrote down stays held for ever, and is cancelled when it is seen.
"""

import itertools
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from wutong.centre.engines.local.spawn import CannotStart
from wutong.centre.engines.protocol import EndReason, RunSpec, Unknown
from wutong.centre.engines.slurm import commands, parse, plans
from wutong.centre.engines.slurm.config import Placement, SlurmConfig
from wutong.centre.engines.slurm.lives import Live
from wutong.centre.engines.slurm.rules import Outcome, Standing
from wutong.centre.engines.slurm.runs import Runs, cancelled_early
from wutong.centre.engines.slurm.spool import Spool, code_of
from wutong.centre.engines.slurm.tenants.identities import Identity
from wutong.centre.engines.slurm.transport import Said, Transport, is_root
from wutong.kit.errors import Problem

_BATCH = 32
_IDS = 100
_TELL_AGAIN_MS = 5000
_HARD_MS = 10_000
_RETRY_MS = 2000
_FULL_MS = 5000
_FULL = "As many runs of its owner stand in the cluster's queue as may. It is tried again."
_SETTLING_MS = 60_000
"""How long a tenant's account may take to be made on the cluster."""


@dataclass(slots=True)
class _Cancels:
    waiting: list[str] = field(default_factory=list)
    running: list[Live] = field(default_factory=list)
    hard: list[str] = field(default_factory=list)


class Pump:
    """Acts. `guard` is held while runs are read or changed, never while a program runs; leaving it commits."""

    def __init__(self, config: SlurmConfig, runs: Runs, transport: Transport, guard: Callable[[], AbstractContextManager[object]]) -> None:
        self._config = config
        self._runs = runs
        self._spool: Spool = runs.spool
        self._transport = transport
        self._guard = guard
        self.shipped: Path | None = None
        self._not_before: dict[str, int] = {}

    def has_work(self) -> bool:
        """Tell whether something is to be done now, apart from what waits for a look."""
        return any(map(self._is_releasable, self._runs.lives.at("held"))) or any(map(self._is_ready, self._runs.lives.at("new")))

    def step(self) -> Unknown | None:
        """Do one round; Unknown as soon as the cluster does not answer."""
        return self.cancel() or self.send()

    # Submissions

    def send(self) -> Unknown | None:
        """Submit a batch of held jobs and write their ids down; meanwhile, release the jobs that were written down before."""
        with self._guard():
            self._not_before = {name: until for name, until in self._not_before.items() if self._runs.lives.find(name) is not None}
            held = list(itertools.islice(filter(self._is_releasable, self._runs.lives.at("held")), _IDS))
            ready = [(live, line) for live in self._next() if (line := self._prepare(live)) is not None]
            for live, _line in ready:
                self._runs.set_stage(live, "sent", sent_ms=self._runs.now_ms())
        # It takes the controller as long to release a job as to take one in, so both go on at a time.
        releases = [commands.release(live.job or "" for live in held)] if held else []
        answers = list(self._transport.ask_many([*releases, *(line for _live, line in ready)], at_once=self._config.at_once + len(releases)))
        with self._guard():
            for (live, _line), said in zip(ready, answers[len(releases) :], strict=True):
                if isinstance(said, Said) and self._runs.lives.find(live.name) is live:
                    self._sent(live, said)
            if releases and isinstance(answers[0], Said):
                self._released(held, answers[0])
        return next((said for said in answers if isinstance(said, Unknown)), None)

    def _released(self, held: Iterable[Live], said: Said) -> None:
        """Write down what was released. What was not waits a while: by then a look has shown what became of it, or it is tried again."""
        failed = parse.not_released(said.error) if said.code else set()
        for live in held:
            if live.stage == "held" and (live.job in failed or (said.code and not failed)):
                self._not_before[live.name] = self._runs.now_ms() + _RETRY_MS
            elif live.stage == "held":
                self._not_before.pop(live.name, None)
                self._runs.released(live)

    def _is_ready(self, live: Live) -> bool:
        """Tell whether it is time to try something again."""
        return not self._not_before or self._not_before.get(live.name, 0) <= self._runs.now_ms()

    def _is_releasable(self, live: Live) -> bool:
        return live.job is not None and live.cancel_ms is None and self._is_ready(live)

    def give_up_waiting(self, looked_ms: int, patience_ms: int) -> None:
        """Send once more what was sent without a clear answer and was not there in a look that began long enough after it."""
        for live in self._runs.lives.at("sent"):
            if live.sent_ms is not None and looked_ms >= live.sent_ms + patience_ms:
                self._runs.set_stage(live, "new")

    def _next(self) -> Iterable[Live]:
        for live in self._runs.lives.at("new"):
            if live.cancel_ms is not None:
                self._runs.end_unsent(live, cancelled_early())
        ready = (live for live in self._runs.lives.at("new") if self._is_ready(live) and not self._adopt(live))
        return list(itertools.islice(ready, _BATCH))

    def _adopt(self, live: Live) -> bool:
        there = next((job for job in self._runs.picture.named(live.name, live.user) if job.standing is not Standing.ENDED), None)
        if there is not None:
            self._runs.adopt(live, there)
        return there is not None

    def _prepare(self, live: Live) -> list[str] | None:
        """Put everything on the shared folder that the job will need, and return its submission; None where that cannot be done (now)."""
        spec = self._runs.records.spec(live.name)
        placement = self._config.placement(spec)
        try:
            identity = self._config.identities.ensure(spec.tenant)
            self._fill(spec, identity, placement)
        except CannotStart as problem:
            self._runs.end_unsent(live, Outcome(EndReason(problem.reason), problem.sentence))
        except (Problem, OSError) as problem:
            self._not_before[live.name] = self._runs.now_ms() + _RETRY_MS
            self._runs.records.change(live.name, detail=f"The shared folder of the cluster cannot take it now, it is tried again: {problem}")
        else:
            self._not_before.pop(live.name, None)
            for_other = is_root()
            arguments = (str(self._spool.folder(spec.tenant, spec.name)), str(self._spool.told(spec.tenant, spec.name)), str(live.base))
            return commands.submit(
                spec,
                user=str(identity.uid) if for_other else None,
                group=identity.gid if for_other else None,
                placement=placement,
                script=str((self.shipped or Path()) / "batch"),
                arguments=arguments,
            )
        return None

    def _fill(self, spec: RunSpec, identity: Identity, placement: Placement) -> None:
        config, told = self._config, self._spool.told(spec.tenant, spec.name)
        confined = config.sandbox != "none"
        plan = plans.make(
            spec,
            confine_with=config.bubblewrap if confined else None,
            machine=config.machine,
            uid=identity.uid,
            kind=(placement.gres or "").partition(":")[2],
            code=None if spec.code_source is None else code_of(told),
            former=None if spec.resume_from is None else self._spool.checkpoint(spec.tenant, spec.resume_from),
            shipped=self.shipped or Path(),
            python=config.python,
        )
        code = None if spec.code_source is None else Path(spec.code_source)
        if code is not None and not code.exists() and not code_of(told).exists():
            raise CannotStart("The code of the run is no longer there.")
        self._spool.prepare(spec.tenant, spec.name, identity, plan=plan, secrets=plans.secrets(spec, config.key_file), code=code)

    def _sent(self, live: Live, said: Said) -> None:
        job = parse.submitted_id(said.out) if said.code == 0 else None
        if job is not None:
            self._runs.set_stage(live, "held", job=job, detail="")
        elif said.code and parse.is_new_tenant(said.error) and self._is_young(live):
            self._not_before[live.name] = self._runs.now_ms() + _RETRY_MS
            self._runs.set_stage(live, "new")
        elif said.code and parse.is_full(said.error):
            self._not_before[live.name] = self._runs.now_ms() + _FULL_MS
            self._runs.set_stage(live, "new")
            self._runs.records.change(live.name, detail=_FULL)
        elif said.code and (sentence := parse.refusal(said.error)) is not None:
            self._runs.end_unsent(live, Outcome(EndReason.START_FAILED, f"{sentence} The cluster said: {said.why}"))
        else:
            # Perhaps taken, perhaps not: it stays "sent", and looks decide.
            self._runs.records.change(live.name, detail=f"The cluster did not say whether it took the run: {said.why}")

    def _is_young(self, live: Live) -> bool:
        row = self._runs.records.find(live.name)
        return row is not None and self._runs.now_ms() - row["submitted_ms"] < _SETTLING_MS

    # Cancellations

    def cancel(self) -> Unknown | None:
        """Pass on what is to be cancelled: what waits at once, what runs by its runner, and what does not listen by Slurm itself."""
        with self._guard():
            found = self._to_cancel()
        lines = [commands.cancel_waiting(part) for part in _parts(found.waiting)]
        lines += [commands.cancel(part) for part in _parts([*found.hard, *self._runs.duplicates])]
        lines += [commands.poke(part) for part in _parts([live.job or "" for live in found.running])]
        for said in self._transport.ask_many(lines, at_once=1):
            if isinstance(said, Unknown):
                return said
        with self._guard():
            self._runs.duplicates.clear()
        return None

    def _to_cancel(self) -> _Cancels:
        now, found = self._runs.now_ms(), _Cancels()
        for live in self._runs.lives.cancelling.values():
            if live.cancel_ms is None or live.job is None or (live.told_ms is not None and now < live.told_ms + _TELL_AGAIN_MS):
                continue
            job = self._runs.picture.find(live.job, live.name, live.user)
            if job is None:
                continue
            if job.standing in {Standing.PENDING, Standing.STRANGE}:
                found.waiting.append(live.job)
            elif job.standing is not Standing.ENDED:
                grace_ms = self._runs.records.spec(live.name).grace_s * 1000
                if live.told_ms is not None and now >= live.cancel_ms + grace_ms + _HARD_MS:
                    found.hard.append(live.job)
                else:
                    self._spool.order(live.tenant, live.name, "cancel")
                    found.running.append(live)
            live.told_ms = now
        return found


def _parts(ids: Iterable[str]) -> Iterable[list[str]]:
    rest = iter(ids)
    while part := list(itertools.islice(rest, _IDS)):
        yield part
