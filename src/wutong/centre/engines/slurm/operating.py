"""What operators and auditors ask of a cluster beyond the running of jobs: its accounts, its machines, its reservations."""

import sqlite3
from collections.abc import Iterator, Sequence

from wutong.centre.engines.local.moments import now_ms
from wutong.centre.engines.operations import Accounted, Reserved
from wutong.centre.engines.protocol import Absent, Accepted, Machine, Refused, Unknown
from wutong.centre.engines.slurm import accounts, commands, machines, parse, reservations
from wutong.centre.engines.slurm.config import SlurmConfig
from wutong.centre.engines.slurm.rounds import Rounds
from wutong.centre.engines.slurm.rules import Past
from wutong.centre.engines.slurm.transport import Said, draw_mark

_AT_ONCE = 500
_ALREADY = "Invalid node state"
_NO_NODE = "Invalid node name"


class Operating:
    """The verbs of `centre.engines.operations`; the engine is one of these. None needs this process to be the one that acts on jobs."""

    _config: SlurmConfig
    _rounds: Rounds

    def accounted(self, since: int, until: int, names: Sequence[str] = ()) -> list[Accounted] | Unknown:
        """List every start, anybody's, that ran from `since` until `until`, and all starts of the runs `names`: one question, a few for long lists.

        It comes from the accounting, so it needs one.
        """
        pasts: dict[tuple[str, int | None, int | None], Past] = {}
        wanted: set[str] = set(names)
        try:
            with self._rounds.reading():
                jobs = sorted(self._rounds.records.jobs_of(wanted))
        except sqlite3.Error as error:
            return Unknown(f"The adapter's records cannot be read: {error}.")
        for line, mark in _questions(since, until, jobs):
            said = self._rounds.transport.ask(line, limit_s=self._config.sacct_s)
            if isinstance(said, Unknown):
                return said
            if said.code:
                return Unknown(f"sacct: {said.why}")
            pasts |= {(past.id, past.submitted, past.started): past for past in parse.pasts(said.out, mark)}
        return self._sorted_out(list(pasts.values()), since, until, wanted)

    def machines(self) -> list[Machine] | Unknown:
        """List the nodes as they are now, once for each partition and kind of accelerator."""
        said = self._rounds.transport.ask(machines.COMMAND)
        if isinstance(said, Unknown):
            return said
        return Unknown(f"sinfo: {said.why}") if said.code else machines.machines(said.out)

    def set_machine(self, machine: str, state: str, reason: str) -> Accepted | Absent | Refused | Unknown:
        """Drain a node, take it down, or let it take work again."""
        for line in machines.change(machine, state, reason):
            said = self._rounds.transport.ask(line)
            if isinstance(said, Unknown):
                return said
            if said.code and _NO_NODE in said.error:
                return Absent()
            if said.code and not (state == "up" and _ALREADY in said.error):
                return Refused(f"The cluster refused it: {said.why}.")
        return Accepted()

    def reservations(self, prefix: str) -> list[Reserved] | Unknown:
        """List the reservations whose names begin so."""
        said = self._rounds.transport.ask(reservations.SHOW)
        if isinstance(said, Unknown):
            return said
        if said.code and said.error:
            return Unknown(f"scontrol: {said.why}")
        return [each for each in reservations.read(said.out) if each.name.startswith(prefix)]

    def reserve(self, wish: Reserved) -> Accepted | Refused | Unknown:
        """Make a reservation, or bring the one of this name to what is wished."""
        there = self.reservations(wish.name)
        if isinstance(there, Unknown):
            return there
        seen, now = next((each for each in there if each.name == wish.name), None), now_ms() // 1000
        if seen is not None and reservations.agrees(wish, seen, now):
            return Accepted()
        said = self._rounds.transport.ask(reservations.create(wish, now) if seen is None else reservations.update(wish, seen, now))
        return _verdict(said)

    def release(self, name: str) -> Accepted | Absent | Unknown:
        """End a reservation."""
        said = self._rounds.transport.ask(reservations.delete(name))
        if isinstance(said, Unknown):
            return said
        if said.code:
            return Absent() if reservations.is_gone(said.error) else Unknown(f"scontrol: {said.why}")
        return Accepted()

    def _sorted_out(self, pasts: Sequence[Past], since: int, until: int, wanted: set[str]) -> list[Accounted] | Unknown:
        try:
            with self._rounds.reading():
                known = self._rounds.records.started_jobs({past.name for past in pasts})
        except sqlite3.Error as error:
            return Unknown(f"The adapter's records cannot be read: {error}.")
        read = (accounts.accounted(past, ours=(past.name, past.id) in known) for past in pasts)
        kept = [each for each in read if each is not None and (accounts.overlaps(each, since, until) or (each.ours and each.name in wanted))]
        return sorted(kept, key=lambda each: (each.started, each.job))


def _questions(since: int, until: int, jobs: Sequence[str]) -> Iterator[tuple[list[str], str]]:
    mark = draw_mark()
    yield commands.past_between(since, until, mark), mark
    for first in range(0, len(jobs), _AT_ONCE):
        yield commands.past_of_jobs(jobs[first : first + _AT_ONCE], mark), mark


def _verdict(said: Said | Unknown) -> Accepted | Refused | Unknown:
    if isinstance(said, Unknown):
        return said
    return Refused(f"The cluster refused it: {said.why}.") if said.code else Accepted()
