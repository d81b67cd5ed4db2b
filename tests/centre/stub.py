"""A trivially correct engine in memory, with faults: dark periods, lost answers, forgotten runs. It moves only when a test says so."""

from collections import Counter
from dataclasses import replace

from wutong.centre.engines.protocol import (
    Absent,
    Accepted,
    Capabilities,
    Changes,
    EndReason,
    LogChunk,
    Phase,
    Refused,
    Sighting,
    Unknown,
    UsageBatch,
    UsageRecord,
)
from wutong.kit import clock


class StubEngine:
    name = "stub"

    def __init__(self, *, isolated=True, slots=800):
        self.known = {}
        self.specs = {}
        self.order = []
        self.journal = []
        self.begun = Counter()
        self.submits = Counter()
        self.calls = Counter()
        self.told = []
        self.dark = False
        self.lose_answers = False
        self.slow_submits = False
        self.in_flight = []
        self.refuse = set()
        self.forgotten = set()
        self.size = Capabilities("stub", "1", slots, 19_200, 76_800_000, nodes=100, isolated=isolated, isolation="cgroups" if isolated else "none")

    def _asked(self, verb):
        self.calls[verb] += 1
        return Unknown("dark") if self.dark else None

    def _answer(self, value):
        return Unknown("the answer was lost") if self.lose_answers else value

    def _keep(self, sighting):
        self.known[sighting.name] = sighting
        self.order.append(sighting.name)

    def capabilities(self):
        return self._asked("capabilities") or self.size

    def submit(self, spec):
        if unknown := self._asked("submit"):
            return unknown
        self.submits[spec.name] += 1
        if self.slow_submits:
            self.in_flight.append(spec)
            return Unknown("timed out")
        return self._arrive(spec)

    def _arrive(self, spec):
        if spec.name in self.refuse:
            return Refused("No node is that large; ask for less.")
        if spec.name not in self.known:
            self.specs[spec.name] = spec
            self._keep(Sighting(spec.name, Phase.QUEUED, submitted_at=clock.now().timestamp(), position=1, waiting_for="a free card"))
        return self._answer(Accepted())

    def observe(self, names):
        return self._asked("observe") or self._answer({name: self.known.get(name, Absent()) for name in names})

    def changes(self, since):
        if unknown := self._asked("changes"):
            return unknown
        names = dict.fromkeys(self.order[int(since or 0) :])
        return Changes(str(len(self.order)), tuple(self.known[name] for name in names if name in self.known))

    def usage(self, since):
        return self._asked("usage") or UsageBatch(str(len(self.journal)), tuple(self.journal[int(since or 0) :]))

    def cancel(self, name):
        if unknown := self._asked("cancel"):
            return unknown
        if name not in self.known:
            return Absent()
        self.told.append((name, "cancel"))
        return self._answer(Accepted())

    def signal(self, name, signal):
        if unknown := self._asked("signal"):
            return unknown
        self.told.append((name, signal))
        return Accepted() if name in self.known else Absent()

    def logs(self, name, offset, limit, restart=None, rank=0):
        del restart, rank
        if unknown := self._asked("logs"):
            return unknown
        return LogChunk(b"hello"[offset : offset + limit], offset, min(5, offset + limit), complete=True) if name in self.known else Absent()

    def forget(self, name):
        if unknown := self._asked("forget"):
            return unknown
        self.forgotten.add(name)
        return Accepted() if self.known.pop(name, None) else Absent()

    # what the world does

    def deliver(self):
        """Let submissions that were on their way arrive, though their sender has stopped listening."""
        while self.in_flight:
            self._arrive(self.in_flight.pop(0))

    def begin(self, name):
        seen = self.known[name]
        self.begun[name, seen.restart] += 1
        self._keep(replace(seen, phase=Phase.RUNNING, started_at=clock.now().timestamp(), node="n001", position=None, waiting_for=None))

    def requeue(self, name):
        seen = self.known[name]
        self._meter(seen, final=True)
        self._keep(replace(seen, phase=Phase.QUEUED, restart=seen.restart + 1, started_at=None, node=None))

    def end(self, name, reason=EndReason.COMPLETED, exit_code=0):
        seen = self.known[name]
        if seen.phase == Phase.RUNNING:
            self._meter(seen, final=True)
        self._keep(replace(seen, phase=Phase.ENDED, reason=reason, exit_code=exit_code, ended_at=clock.now().timestamp()))

    def tick(self, name):
        self._meter(self.known[name], final=False)

    def lose(self, name):
        del self.known[name]

    def _meter(self, seen, *, final):
        seconds = clock.now().timestamp() - seen.started_at
        self.journal.append(UsageRecord(seen.name, seen.restart, seen.started_at, seconds, self.specs[seen.name].slots, final))
