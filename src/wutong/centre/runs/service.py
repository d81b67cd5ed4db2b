"""What others may ask of runs. Requests are only written down here; the reconciler carries them to the engine."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy.orm import Session

from wutong.centre.catalogue.rules import NoSuchPool
from wutong.centre.engines import hostlist
from wutong.centre.engines.protocol import Absent, Capabilities, LogChunk, RunSpec, Sighting, Unknown
from wutong.centre.registry import Engines, ask
from wutong.centre.runs import store
from wutong.centre.runs.rules import NoSuchRun, NotIsolated, Run, RunEvent, RunNameTaken, RunNotEnded, RunPhase, StopWhy, spec_from_json, spec_to_json
from wutong.kit import clock
from wutong.kit.errors import Invalid, NotFound, Unavailable


def request_run(session: Session, spec: RunSpec, *, pool: str) -> None:
    """Write down that a run is wanted; it is submitted after the caller's transaction commits. Raises `RunNameTaken`, `NoSuchPool`, `NotIsolated`."""
    plain = spec_to_json(spec)
    if "\\u0000" in json.dumps(plain):
        raise Invalid(field="command", reason="Text with a NUL character cannot be passed to a program; take it out.")
    now = clock.now()
    run = Run(spec.name, pool, "", spec.tenant, spec.nodes * spec.slots, RunPhase.REQUESTED, now, due_at=now)
    placed = store.insert_run(session, run, plain)
    if placed is not None and not placed.open:
        _claim_engine(session, placed.engine, pool, spec.tenant)
        placed = store.insert_run(session, run, plain)
    if placed is None:
        raise NoSuchPool(kind="pool", id=pool)
    if not placed.new:
        raise RunNameTaken(name=spec.name)


def request_stop(session: Session, name: str, *, why: StopWhy) -> None:
    """Want a run stopped. The first cause stays; a run that has ended stays as it ended."""
    run = _locked(session, name)
    if run.phase != RunPhase.ENDED and run.stop_why is None:
        store.want(session, name, clock.now(), stop_why=StopWhy(why).value)


def request_signal(session: Session, name: str, signal: str) -> None:
    """Want a signal (such as "SIGUSR1") sent to a run once it is with the engine. It may arrive twice; an ended run gets none."""
    run = _locked(session, name)
    if run.phase != RunPhase.ENDED and run.stop_why is None:
        store.want(session, name, clock.now(), send_signal=signal)


def forget_run(session: Session, name: str) -> None:
    """Let the engine drop a run's files, after its last usage was read. Raises `RunNotEnded`."""
    run = _locked(session, name)
    if run.phase != RunPhase.ENDED:
        raise RunNotEnded(name=name)
    if not run.forget:
        store.want(session, name, clock.now(), forget=True)


def forget_runs(session: Session, names: Sequence[str]) -> None:
    """Let the engines drop the files of these runs, in one go. Those that have not ended, or that nobody knows, are passed over."""
    if names:
        store.want_forgotten(session, names, clock.now())


def get_run(session: Session, name: str) -> Run:
    """Return a run, or raise `NoSuchRun`."""
    run = find_run(session, name)
    if run is None:
        raise NoSuchRun(kind="run", id=name)
    return run


def find_run(session: Session, name: str) -> Run | None:
    """Return a run, or None."""
    return next(iter(store.load(session, [name])), None)


def list_runs(session: Session, names: Sequence[str]) -> list[Run]:
    """Return the runs of these names that exist, in no order."""
    return store.load(session, names) if names else []


def list_waiting(session: Session, pool: str, *, limit: int = 100) -> list[Run]:
    """Return the head of a pool's queue, in the order in which its engine had it when last seen."""
    return store.waiting(session, pool, limit)


def cards_by_node(session: Session) -> dict[tuple[str, str], int]:
    """Count the cards in use by pool and node; a run on several nodes counts on each for its even part."""
    busy: dict[tuple[str, str], int] = {}
    for (pool, nodes), cards in store.cards_by_nodes(session).items():
        names = hostlist.expand(nodes)
        for place, name in enumerate(names):
            part = cards // len(names) + (place < cards % len(names))
            busy[pool, name] = busy.get((pool, name), 0) + part
    return busy


def get_spec(session: Session, name: str) -> RunSpec:
    """Return what was asked for, or raise `NoSuchRun`."""
    found = store.specs(session, [name])
    if name not in found:
        raise NoSuchRun(kind="run", id=name)
    return spec_from_json(found[name])


def run_events_after(session: Session, cursor: int, limit: int = 500) -> list[RunEvent]:
    """Read the journal of runs after a cursor (a `seq`)."""
    return store.events_after(session, cursor, limit)


def list_run_events(session: Session, name: str) -> list[RunEvent]:
    """Return all lines of one run, oldest first."""
    return store.events_of(session, name)


def find_capabilities(session: Session, engine: str) -> Capabilities | None:
    """Return what the engine last said of itself, None before its first word."""
    row = store.find_engine(session, engine)
    if row is None or row.capabilities is None:
        return None
    return Capabilities(**{**row.capabilities, "problems": tuple(row.capabilities["problems"])})


def read_log(engines: Engines, run: Run, offset: int, limit: int, restart: int | None = None, rank: int = 0) -> LogChunk:
    """Read a run's log from its engine; call it with no transaction open. Raises `Unavailable`, or `NotFound` when the log is gone."""
    if run.phase == RunPhase.REQUESTED:
        return LogChunk(b"", offset, offset, complete=False)
    answer = ask(engines.get(run.engine).logs, run.name, offset, limit, restart, rank)
    if isinstance(answer, LogChunk):
        return answer
    if isinstance(answer, Unknown):
        raise Unavailable(what=f"Engine {run.engine}")
    if run.forgotten_at is not None:
        raise NotFound(kind="log of run", id=run.name)
    return LogChunk(b"", offset, offset, complete=run.phase == RunPhase.ENDED)


def look_at_queue(engines: Engines, runs: Sequence[Run]) -> Mapping[str, Sighting | Absent | Unknown]:
    """Ask the engines where runs stand this moment (position, what they wait for); call it with no transaction open."""
    seen: dict[str, Sighting | Absent | Unknown] = {}
    for name in {run.engine for run in runs}:
        names = [run.name for run in runs if run.engine == name]
        engine = engines.find(name)
        answer = ask(engine.observe, names) if engine else Unknown("no such engine here")
        for each in names:
            seen[each] = answer if isinstance(answer, Unknown) else answer.get(each, Unknown("not answered"))
    return seen


def lost_contact(session: Session, engine: str) -> timedelta | None:
    """Return for how long an engine has not answered, None while it does."""
    row = store.find_engine(session, engine)
    return None if row is None or row.lost_contact_since is None else clock.now() - row.lost_contact_since


def _locked(session: Session, name: str) -> Run:
    runs = store.lock(session, [name])
    if not runs:
        raise NoSuchRun(kind="run", id=name)
    return runs[0]


def _claim_engine(session: Session, engine: str, pool: str, tenant: str) -> None:
    """Make sure that an engine which cannot keep tenants apart runs jobs of this one only; raises `NotIsolated` when another was first."""
    row = store.find_engine(session, engine)
    if row is None:
        store.keep_engine(session, engine)
        row = store.find_engine(session, engine)
    known = row.capabilities if row else None
    if row is None or row.allow_unconfined or (known and known["isolated"]):
        return
    if (row.tenant or store.claim_engine(session, engine, tenant)) != tenant:
        raise NotIsolated(pool=pool, isolation=known["isolation"] if known else "not known yet")
