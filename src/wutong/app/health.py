"""How the centre is: database, schema, loops, engines, disk. Cheap enough to be asked every second; the sentences are for operators."""

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from wutong.app.migrate import newest_revision
from wutong.centre import service as centre
from wutong.centre.engines.protocol import Unknown
from wutong.centre.registry import Engines, ask
from wutong.desk.webhooks import service as webhooks
from wutong.desk.webhooks.rules import Backlog
from wutong.kit import clock, outbox
from wutong.kit.database import Database
from wutong.kit.loops import list_leases

FULL_BYTES = 256 * 2**20
LOW_SHARE = 0.05
LOW_BYTES = 2 * 2**30
LATE = timedelta(minutes=3)
LONG_GONE = timedelta(days=1)
UNDELIVERED = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `fatal` when the centre cannot serve without it; `label` is the word for it where there are more than well and not."""

    name: str
    ok: bool
    detail: str
    fatal: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """The whole: `ok` when everything is well, `serves` when requests can be answered."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Tell whether every check is well."""
        return all(check.ok for check in self.checks)

    @property
    def serves(self) -> bool:
        """Tell whether nothing fatal is wrong."""
        return all(check.ok or not check.fatal for check in self.checks)


def check_health(database: Database, engines: Engines, home: Path) -> Health:
    """Look at everything once. Never raises."""
    return Health((*check_database(database), *check_engines(engines), check_disk(home)))


def check_database(database: Database) -> list[Check]:
    """Look at the database: does it answer, is its schema ours, do the loops run."""
    try:
        with database.session() as session:
            session.execute(text("SET LOCAL statement_timeout = '3s'"))
            revision = session.scalar(text("SELECT version_num FROM alembic_version"))
            leases = list_leases(session)
            current = revision == newest_revision()
            alarm = centre.comparison_alarm(session) if current else None
            undelivered = [check_mail(outbox.backlog(session)), check_webhooks(webhooks.backlog(session))] if current else []
    except Exception as error:  # noqa: BLE001 whatever goes wrong here is the answer
        return [Check("database", ok=False, detail=f"does not answer: {_first_line(error)}", fatal=True)]
    newest = newest_revision()
    need = "" if revision == newest else f", this version needs {newest}"
    schema = Check("schema", ok=not need, detail=f"revision {revision}{need}", fatal=True)
    checks = [Check("database", ok=True, detail="answers"), schema, _check_loops(leases), *undelivered]
    return checks if alarm is None or not alarm.compared else [*checks, _check_accounts(alarm)]


def check_mail(found: outbox.Backlog) -> Check:
    """Say whether mails get out: a server that is away for a moment is nothing, one that is away for long is."""
    if found.oldest_at is None:
        return Check("mail", ok=True, detail="none waiting")
    waited = clock.now() - found.oldest_at
    detail = f"{found.waiting} waiting, the oldest for {_minutes(waited)} min"
    return Check("mail", ok=waited < UNDELIVERED, detail=f"{detail}; the last try said: {found.problem}" if found.problem else detail)


def check_webhooks(found: Backlog) -> Check:
    """Say how many messages wait. Addresses that do not answer are their organisations' matter; messages that nobody even tries are ours."""
    if found.oldest_at is None:
        return Check("webhooks", ok=True, detail="none waiting")
    waited = clock.now() - found.oldest_at
    detail = f"{found.waiting} waiting for {found.webhooks} of the addresses, the oldest for {_minutes(waited)} min"
    if found.late:
        return Check("webhooks", ok=False, detail=f"{detail}; {found.late} of them are not tried although due")
    return Check("webhooks", ok=True, detail=detail, label="wait" if waited > UNDELIVERED else "")


def check_engines(engines: Engines) -> list[Check]:
    """Look at the engines. One that does not answer is not fatal: its runs go on, and new ones wait."""
    checks = []
    for engine in engines:
        answer = ask(engine.capabilities)
        if isinstance(answer, Unknown):
            checks.append(Check(f"engine {engine.name}", ok=False, detail=f"does not answer: {answer.why}"))
        else:
            cards = f"{answer.cards} x {answer.accelerator}, " if answer.cards else ""
            size = f"{cards}{answer.slots} accelerators, {answer.cpus} processors, isolation {answer.isolation}"
            checks.append(Check(f"engine {engine.name}", ok=not answer.problems, detail="; ".join((size, *answer.problems))))
    return checks


def check_disk(home: Path) -> Check:
    """Look at the room on the home's disk."""
    usage = shutil.disk_usage(home)
    room = f"{usage.free / 2**30:.1f} GiB free in {home}"
    if usage.free < FULL_BYTES:
        return Check("disk", ok=False, detail=f"FULL: {room}. Free some at once: nothing can be written down.", fatal=True)
    low = usage.free < min(LOW_BYTES, usage.total * LOW_SHARE)
    return Check("disk", ok=not low, detail=f"{room}, nearly full" if low else room)


def free_bytes(home: Path) -> int:
    """Return the room on the home's disk."""
    return shutil.disk_usage(home).free


def _check_accounts(alarm: centre.Alarm) -> Check:
    """Say how usage compares with what the clusters' own accounts say; there is nothing to say where none was compared."""
    if not alarm.differences:
        return Check("accounts", ok=True, detail=f"agree with the clusters' own on {alarm.compared} days")
    what = f"{alarm.differences} runs differ from the clusters' own on {alarm.days} days; `wutong admin reconcile` lists them"
    return Check("accounts", ok=False, detail=what)


def _check_loops(leases: dict[str, timedelta]) -> Check:
    known = {name: late for name, late in leases.items() if name.startswith("loop:") and late < LONG_GONE}
    silent = sorted(name.removeprefix("loop:") for name, late in known.items() if late > LATE)
    if not known or len(silent) == len(known):
        return Check("loops", ok=False, detail=f"the worker does not run ({clock.now():%H:%M:%S} UTC)")
    if silent:
        return Check("loops", ok=False, detail=f"silent loops: {', '.join(silent)}")
    return Check("loops", ok=True, detail=f"{len(known)} loops run")


def _minutes(waited: timedelta) -> int:
    return int(waited.total_seconds() // 60)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]
