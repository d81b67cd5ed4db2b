"""The runs that have not ended, as this process remembers them: by name, by how far they have got, and what is odd about them."""

from dataclasses import dataclass

from wutong.centre.engines.journal import Row


@dataclass(slots=True)
class Live:
    """A run that has not ended, with what is only remembered while this process lives: since when something is odd, and what was told when."""

    name: str
    tenant: str
    user: str
    stage: str
    phase: str
    restart: int
    base: int
    job: str | None
    count: int
    started: int | None
    slots: int
    sent_ms: int | None = None
    cancel_ms: int | None = None
    missing_ms: int | None = None
    odd_ms: int | None = None
    told_ms: int | None = None


_KEPT = ("name", "tenant", "user", "stage", "phase", "restart", "base", "job", "count", "started", "slots", "sent_ms", "cancel_ms")
_STAGES = ("new", "sent", "held")


class Lives:
    """Open runs. Those that need something are kept apart, so that a round costs what there is to do and not what there is."""

    def __init__(self) -> None:
        self.cancelling: dict[str, Live] = {}
        self.unsighted: dict[str, Live] = {}
        self._by_name: dict[str, Live] = {}
        self._stages: dict[str, dict[str, Live]] = {stage: {} for stage in _STAGES}

    def __len__(self) -> int:
        return len(self._by_name)

    def find(self, name: str) -> Live | None:
        """Return the open run of a name."""
        return self._by_name.get(name)

    def at(self, stage: str) -> list[Live]:
        """List the runs at one of the stages before `out`, oldest first."""
        return list(self._stages[stage].values())

    def put(self, live: Live) -> None:
        """Take a run in, or take in what has changed of it."""
        self._by_name[live.name] = live
        for stage, there in self._stages.items():
            if stage == live.stage:
                there[live.name] = live
            else:
                there.pop(live.name, None)
        if live.cancel_ms is not None:
            self.cancelling[live.name] = live
        if live.job is not None:
            self.unsighted[live.name] = live

    def drop(self, name: str) -> None:
        """Take an ended run out."""
        for there in (self._by_name, self.cancelling, self.unsighted, *self._stages.values()):
            there.pop(name, None)


def live_of(row: Row) -> Live:
    """Return what a record says of an open run."""
    return Live(**{key: row[key] for key in _KEPT})
