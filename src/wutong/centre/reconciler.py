"""Brings wishes to the engines and what the engines report back to us, until both agree.

Each step looks and acts outside with no transaction open, then writes what came of it onto locked rows, deciding anew on what stands there by
then. A submission is noted (`unconfirmed`) before it leaves, so a crash at any point finds the run and looks it up before sending it again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from sqlalchemy.exc import DataError, IntegrityError

from wutong.centre.contact import Contact
from wutong.centre.engines.protocol import Absent, Accepted, Engine, Refused, RunSpec, Sighting, Unknown
from wutong.centre.registry import Engines, ask
from wutong.centre.runs import decisions, store
from wutong.centre.runs.decisions import Act, Policy, Step, View
from wutong.centre.runs.rules import Run, spec_from_json
from wutong.centre.usage import store as usage_store
from wutong.kit import clock, cursors
from wutong.kit.database import Database, advisory_lock
from wutong.kit.log import get_logger

log = get_logger(__name__)

BATCH = 50
SWEEP = 100
APPLY = 200

Decide = Callable[[Run], Step | None]
Answer = tuple[str, Decide]


@runtime_checkable
class Batches(Protocol):
    """An engine that takes many requests at a time; answers come in the order of what was asked, each what the single verb would say."""

    def submit_many(self, specs: Sequence[RunSpec]) -> Sequence[Accepted | Refused | Unknown]:
        """Take runs under their names."""

    def forget_many(self, names: Sequence[str]) -> Sequence[Accepted | Absent | Unknown]:
        """Drop ended runs."""


class Reconciler:
    """The loop between runs and engines. Safe to run twice at once: every write is decided on the locked row."""

    def __init__(self, database: Database, engines: Engines, policy: Policy | None = None) -> None:
        self._database = database
        self._engines = engines
        self._policy = policy or Policy()
        self._contacts: dict[str, Contact] = {}
        self._swept: dict[str, datetime] = {}
        self._cursors: dict[str, str] = {}

    def step(self) -> bool:
        """Do one round for every engine; True when there was work."""
        worked = [self._step(engine) for engine in self._engines]
        return any(worked)

    def _step(self, engine: Engine) -> bool:
        contact = self._contacts.setdefault(engine.name, Contact(self._database, engine.name))
        if not contact.worth_a_try():
            return False
        contact.refresh(engine, allow_unconfined=self._engines.allow_unconfined_tenants)
        changed = self._follow(engine, contact)
        if not contact.in_touch:
            return False
        acted = self._act(engine, contact)
        self._sweep(engine, contact)
        return changed or acted

    def _follow(self, engine: Engine, contact: Contact) -> bool:
        """Take over what changed in the engine since last time."""
        name = store.changes_cursor(engine.name)
        before = self._cursor(name)
        answer = contact.note(ask(engine.changes, before))
        if isinstance(answer, Unknown):
            return False
        view = View(clock.now(), contact.since)
        seen = {sighting.name: sighting for sighting in answer.sightings}
        looks = [(each, self._looked(sighting, view)) for each, sighting in seen.items() if "\x00" not in each]
        self._apply(looks, (name, answer.cursor) if answer.cursor != before else None)
        self._cursors[name] = answer.cursor
        return bool(answer.sightings)

    def _cursor(self, name: str) -> str:
        """Return where we stand. Another process that moved it meanwhile makes us see again what it saw, no more."""
        if name not in self._cursors:
            with self._database.session() as session:
                self._cursors[name] = cursors.read_text(session, name)
        return self._cursors[name]

    def _act(self, engine: Engine, contact: Contact) -> bool:
        """Do what runs are due for, longest due first."""
        with self._database.session() as session:
            due = store.due(session, engine.name, clock.now(), BATCH)
        groups: dict[Act, list[Run]] = {}
        for run in due:
            groups.setdefault(decisions.next_act(run), []).append(run)
        self._apply([(run.name, _settle) for act in (Act.END_UNSENT, Act.REST) for run in groups.get(act, [])])
        self._submit(engine, groups.get(Act.SUBMIT, []))
        self._look(engine, contact, groups.get(Act.LOOK, []))
        self._tell(engine, contact, groups)
        self._forget(engine, groups.get(Act.FORGET, []))
        return bool(due)

    def _submit(self, engine: Engine, runs: Sequence[Run]) -> None:
        """Submit runs; after the first unclear answer the others are kept for later."""
        claimed, specs = self._claim(runs) if runs else ([], {})
        answers: list[Answer] = []
        if isinstance(engine, Batches) and claimed:
            said = ask(engine.submit_many, [spec_from_json(specs[run.name]) for run in claimed])
            verdicts = [said] * len(claimed) if isinstance(said, Unknown) else said
            unclear = next((verdict for verdict in verdicts if isinstance(verdict, Unknown)), None)
            if unclear is not None:
                log.warning("submissions unclear, will look before sending again", engine=engine.name, why=unclear.why)
            self._apply([(run.name, self._submitted(verdict)) for run, verdict in zip(claimed, verdicts, strict=True)])
            return
        while claimed:
            run = claimed.pop(0)
            answer = ask(lambda name=run.name: engine.submit(spec_from_json(specs[name])))  # type: ignore[misc]
            answers.append((run.name, self._submitted(answer)))
            if isinstance(answer, Unknown):
                log.warning("submission unclear, will look before sending again", run=run.name, engine=engine.name, why=answer.why)
                break
        answers += [(run.name, self._given_back(run)) for run in claimed]
        self._apply(answers)

    def _claim(self, runs: Sequence[Run]) -> tuple[list[Run], dict[str, dict[str, object]]]:
        """Note that submissions are about to leave."""
        now = clock.now()
        with self._database.session() as session:
            locked = store.lock(session, [run.name for run in runs])
            steps = [Step(decisions.claim(run, now, self._policy)) for run in locked if decisions.next_act(run) == Act.SUBMIT]
            store.save(session, steps, now)
            claimed = [replace(step.run, version=step.run.version + 1) for step in steps]
            specs = store.specs(session, [run.name for run in claimed])
        order = {run.name: place for place, run in enumerate(runs)}
        return sorted(claimed, key=lambda run: order[run.name]), specs

    def _look(self, engine: Engine, contact: Contact, runs: Sequence[Run]) -> None:
        """Look runs up by name and take over what was found."""
        if not runs:
            return
        answer = ask(engine.observe, [run.name for run in runs])
        if isinstance(answer, Unknown):
            contact.missed()
        found: Mapping[str, Sighting | Absent] = {} if isinstance(answer, Unknown) else answer
        nothing = answer if isinstance(answer, Unknown) else Unknown("the engine said nothing of it")
        now = clock.now()
        answers = [(run, self._looked(found.get(run.name, nothing), View(now, contact.since, run.version))) for run in runs]
        self._apply([(run.name, decide) for run, decide in answers if decide(run) is not None])
        seen = [name for name, sighting in found.items() if isinstance(sighting, Sighting)]
        if seen:
            with self._database.session() as session:
                store.touch(session, seen, now)

    def _tell(self, engine: Engine, contact: Contact, groups: Mapping[Act, Sequence[Run]]) -> None:
        """Pass on cancels and signals."""
        answers: list[Answer] = []
        for run in groups.get(Act.CANCEL, []):
            answer = ask(engine.cancel, run.name)
            answers.append((run.name, self._cancelled(answer, View(clock.now(), contact.since, run.version))))
        for run in groups.get(Act.SIGNAL, []):
            told = ask(engine.signal, run.name, run.send_signal or "")
            answers.append((run.name, self._signalled(told, run)))
        self._apply(answers)

    def _forget(self, engine: Engine, runs: Sequence[Run]) -> None:
        """Let the engine drop runs whose last usage record is in the journal."""
        if not runs:
            return
        now = clock.now()
        with self._database.session() as session:
            metered = usage_store.final_restarts(session, [run.name for run in runs])
        early = {run.name for run in runs if decisions.must_wait_for_meter(run, metered, now, self._policy)}
        answers: list[Answer] = [(name, lambda row: Step(replace(row, due_at=now + decisions.METER_PAUSE))) for name in early]
        ready = [run.name for run in runs if run.name not in early]
        many = ask(engine.forget_many, ready) if isinstance(engine, Batches) and ready else [ask(engine.forget, name) for name in ready]
        verdicts = [many] * len(ready) if isinstance(many, Unknown) else many
        self._apply(answers + [(name, self._forgotten(verdict)) for name, verdict in zip(ready, verdicts, strict=True)])

    def _sweep(self, engine: Engine, contact: Contact) -> None:
        """Now and then look at live runs that the engine has not mentioned for long."""
        now = clock.now()
        if engine.name in self._swept and now < self._swept[engine.name] + timedelta(seconds=self._policy.sweep_s):
            return
        self._swept[engine.name] = now
        with self._database.session() as session:
            runs = store.unseen(session, engine.name, now - timedelta(seconds=self._policy.sweep_age_s), SWEEP)
        self._look(engine, contact, runs)

    def _apply(self, answers: Sequence[Answer], cursor: tuple[str, str] | None = None) -> None:
        """Write what came of answers, and then how far that brought us; what cannot be written is set aside and stops nobody else."""
        for start in range(0, len(answers), APPLY) or ([0] if cursor else []):
            chunk, last = answers[start : start + APPLY], start + APPLY >= len(answers)
            try:
                self._write(chunk, cursor if last else None)
            except (DataError, IntegrityError, ValueError):
                for each in chunk:
                    self._write_or_set_aside(each)
                self._write([], cursor if last else None)

    def _write(self, answers: Sequence[Answer], cursor: tuple[str, str] | None = None) -> None:
        decide = dict(answers)
        now = clock.now()
        with self._database.session() as session:
            if decide:
                advisory_lock(session, "centre_run_events")
                steps = [step for run in store.lock(session, sorted(decide)) if (step := decide[run.name](run)) is not None]
                store.save(session, steps, now)
            if cursor:
                cursors.set_text(session, *cursor)

    def _write_or_set_aside(self, answer: Answer) -> None:
        try:
            self._write([answer])
        except (DataError, IntegrityError, ValueError) as error:
            log.exception("run set aside", run=answer[0], error=repr(error), again_in_s=decisions.ASIDE.total_seconds())
            with self._database.session() as session:
                store.want(session, answer[0], clock.now() + decisions.ASIDE)

    def _submitted(self, answer: Accepted | Refused | Unknown) -> Decide:
        return lambda run: decisions.after_submit(run, answer, clock.now(), self._policy)

    def _given_back(self, claimed: Run) -> Decide:
        return lambda run: decisions.give_back(run, claimed, clock.now(), self._policy)

    def _looked(self, seen: Sighting | Absent | Unknown, view: View) -> Decide:
        return lambda run: decisions.after_look(run, seen, view, self._policy)

    def _cancelled(self, answer: Accepted | Absent | Unknown, view: View) -> Decide:
        return lambda run: decisions.after_cancel(run, answer, view, self._policy)

    def _signalled(self, answer: Accepted | Absent | Unknown, told: Run) -> Decide:
        return lambda run: decisions.after_signal(run, answer, told, clock.now(), self._policy)

    def _forgotten(self, answer: Accepted | Absent | Unknown) -> Decide:
        return lambda run: decisions.after_forget(run, answer, clock.now(), self._policy)


def _settle(run: Run) -> Step | None:
    """End what was stopped before it was sent, and let rest what needs nothing."""
    act = decisions.next_act(run)
    if act == Act.END_UNSENT:
        return decisions.end_unsent(run, clock.now())
    return Step(replace(run, due_at=None)) if act == Act.REST else None
