"""Finds out what the queue no longer tells, from the accounting and from what runners left: when earlier starts ended, and what became of lost jobs.

The accounting may be late, away, or not there at all. While it does not answer nothing is decided that only it can tell.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from wutong.centre.engines.journal import Row
from wutong.centre.engines.operations import CUT_SHORT
from wutong.centre.engines.protocol import Unknown
from wutong.centre.engines.slurm import commands, parse, rules
from wutong.centre.engines.slurm.lives import Live
from wutong.centre.engines.slurm.rules import Past, Standing
from wutong.centre.engines.slurm.runs import Runs, cancelled_early
from wutong.centre.engines.slurm.spool import StartFacts
from wutong.centre.engines.slurm.transport import Transport, draw_mark

_AT_ONCE = 100
_FIRST_MS = 1000
_EVERY_MS = 2000
_GIVE_UP_MS = 60_000
_LIFE_S = 10
_REQUEUED = frozenset(("REQUEUED", "PREEMPTED", "NODE_FAIL", "RESIZING"))

Pasts = Mapping[str, list[Past]]
"""Starts by Slurm job, oldest first."""


class Settle:
    """Asks, and writes down what comes of it."""

    def __init__(self, runs: Runs, transport: Transport, *, limit_s: float, lost_s: float) -> None:
        self._runs = runs
        self._transport = transport
        self._limit_s = limit_s
        self._lost_ms = round(lost_s * 1000)
        self._again_ms = 0
        self.accounting = True

    def questions(self) -> list[str]:
        """Return the Slurm jobs to ask the accounting for now: of starts that are over and of jobs that are gone."""
        now = self._runs.now_ms()
        if now < self._again_ms:
            return []
        closing = [row["job"] for row in self._runs.records.list_closing(_AT_ONCE) if row["noticed"] * 1000 <= now - _FIRST_MS]
        lost = [live.job for live in self.lost() if live.job is not None]
        jobs = list(dict.fromkeys([*closing, *lost]))[:_AT_ONCE]
        if jobs:
            self._again_ms = now + _EVERY_MS
        return jobs

    def ask(self, jobs: list[str]) -> Pasts | Unknown:
        """Ask for the starts of some jobs. Nothing is known where there is no accounting."""
        if not self.accounting:
            return {}
        mark = draw_mark()
        said = self._transport.ask(commands.past_of_jobs(jobs, mark), limit_s=self._limit_s)
        if isinstance(said, Unknown):
            return said
        if said.code:
            return Unknown(f"sacct: {said.why}")
        found: dict[str, list[Past]] = {job: [] for job in jobs}
        for past in parse.pasts(said.out, mark):
            if past.started is not None or past.ended is not None:
                found.setdefault(past.id, []).append(past)
        return {job: sorted(pasts, key=lambda past: past.started or past.ended or 0) for job, pasts in found.items()}

    def take(self, jobs: Iterable[str], pasts: Pasts) -> None:
        """Write down what the accounting and the runners say of these jobs."""
        asked = set(jobs)
        for row in self._runs.records.list_closing(_AT_ONCE):
            if row["job"] in asked:
                self._close(row, _of(pasts, row["job"], row["name"], row["user"]))
        for live in self.lost():
            if live.job in asked:
                self._resolve(live, _of(pasts, live.job or "", live.name, live.user))

    def lost(self) -> list[Live]:
        """List the runs whose job has been out of sight for long enough to act on it."""
        now = self._runs.now_ms()
        return [live for live in self._runs.missing() if live.missing_ms is not None and now - live.missing_ms >= self._lost_ms]

    def _close(self, row: Row, pasts: list[Past]) -> None:
        exact = next((past for past in pasts if past.started == row["started"] is not None), None)
        begun = [past for past in pasts if past.started is not None]
        past = exact or (begun[row["count"]] if row["started"] is None and len(begun) > row["count"] else None)
        if past is not None and past.ended is not None:
            self._runs.close_start(row, started=past.started, ended=past.ended, fault=CUT_SHORT.get(past.state, ""))
        elif not self.accounting or self._runs.now_ms() - row["noticed"] * 1000 >= _GIVE_UP_MS:
            facts = self._facts(row)
            started = row["started"] if row["started"] is not None else _seconds(facts.started_ms if facts else None)
            self._runs.close_start(row, started=started, ended=min(row["noticed"], _last_sign(facts, row["noticed"])))

    def _facts(self, row: Row) -> StartFacts | None:
        run = self._runs.records.find(row["name"])
        starts = self._runs.spool.starts(run["tenant"], row["name"]) if run is not None else []
        return next((start for start in starts if start.job == row["job"] and start.count == row["count"]), None)

    def _resolve(self, live: Live, pasts: list[Past]) -> None:
        """Say what became of a run whose job Slurm no longer knows: it ended long ago, or the controller lost it."""
        job = next(self._runs.picture.named(live.name, live.user), None)
        if job is not None and job.standing is not Standing.ENDED:
            self._runs.adopt(live, job)
            return
        last = pasts[-1] if pasts else None
        count = max(live.count, sum(past.started is not None for past in pasts) - 1)
        facts, result = self._runs.evidence(live, count)
        over = last is not None and last.ended is not None and rules.standing(last.state) is Standing.ENDED and last.state not in _REQUEUED
        if over or (result is not None and rules.is_final(result)):
            self._end(live, last if over else None, facts, result)
        elif live.cancel_ms is not None:
            self._end_cancelled(live, facts)
        else:
            self._runs.send_again(live)

    def _end(self, live: Live, past: Past | None, facts: StartFacts | None, result: dict[str, Any] | None) -> None:
        state, status, node = (past.state, past.exit_status, past.node) if past is not None else ("", 0, "")
        cancelled = live.cancel_ms is not None
        said = rules.outcome(state, status, result, began=facts is not None, cancelled=cancelled, cancel_detail="Cancelled on request.")
        started = live.started if live.started is not None else _seconds((result or {}).get("started_ms"))
        ended = _seconds((result or {}).get("ended_ms"))
        if past is not None:
            started, ended = past.started if past.node else None, past.ended
        self._runs.end(live, started=started, ended=ended, node=node, outcome=said, evidence=(facts, result))

    def _end_cancelled(self, live: Live, facts: StartFacts | None) -> None:
        if live.started is None and facts is None:
            self._runs.end_unsent(live, cancelled_early())
            return
        now = self._runs.now_ms() // 1000
        started = live.started if live.started is not None else _seconds(facts.started_ms if facts else None)
        said = rules.outcome("CANCELLED", 0, None, began=True, cancelled=True, cancel_detail="")
        self._runs.end(live, started=started, ended=_last_sign(facts, now), outcome=said, evidence=(facts, None))


def _of(pasts: Pasts, job: str, name: str, user: str) -> list[Past]:
    """Keep what is ours: ids are given out again."""
    return [past for past in pasts.get(job, []) if (past.name, past.user) == (name, user)]


def _last_sign(facts: StartFacts | None, otherwise: int) -> int:
    """Return until when a start may have run: a runner shows that it lives every few seconds."""
    return otherwise if facts is None else min(otherwise, facts.alive_ms // 1000 + _LIFE_S)


def _seconds(milliseconds: object) -> int | None:
    return milliseconds // 1000 if isinstance(milliseconds, int) else None
