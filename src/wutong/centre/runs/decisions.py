"""What to do with a run: from what we know of it and what the engine answered to its next state. Pure; the reconciler carries it out.

Unknown never ends a run and never sends it again. Only `Absent`, seen while the engine answered all along, leads to a second submission, or in
the end to "the engine lost it".
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from wutong.centre.engines.protocol import Absent, Accepted, EndReason, Phase, Refused, Sighting, Unknown
from wutong.centre.runs.rules import Run, RunPhase, move

ASIDE = timedelta(seconds=60)
"""How long a run that could not be written down is left alone."""
METER_PAUSE = timedelta(seconds=2)
_RANK = {Phase.QUEUED: 0, Phase.RUNNING: 1, Phase.ENDED: 2}
_MAX_TEXT = 4000
_MAX_INT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Policy:
    """Patience of the reconciler, in seconds unless said otherwise."""

    confirm_s: float = 2.0
    """How long after an unclear submission the engine must have answered all along before "found none" is believed."""
    lost_looks: int = 3
    lost_s: float = 30.0
    """How often, and over how long, a run that was there must be found absent before it is given up."""
    again_s: float = 1.0
    again_most_s: float = 60.0
    """First and longest pause before another try; it doubles in between."""
    cancel_again_s: float = 15.0
    sweep_s: float = 30.0
    sweep_age_s: float = 300.0
    meter_wait_s: float = 24 * 3600.0
    """How long forgetting waits for the last usage record of a run that did start."""


class Act(StrEnum):
    """What a due run needs next."""

    SUBMIT = "submit"
    END_UNSENT = "end_unsent"
    LOOK = "look"
    CANCEL = "cancel"
    SIGNAL = "signal"
    FORGET = "forget"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class Step:
    """The run's next state, and whether readers of the journal are told."""

    run: Run
    event: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """When a look was taken and since when the engine has answered without a break; `version` is the run's at that time."""

    now: datetime
    contact_since: datetime
    version: int | None = None


def next_act(run: Run) -> Act:
    """Say what a due run needs."""
    if run.phase == RunPhase.ENDED:
        return Act.FORGET if run.forget and run.forgotten_at is None else Act.REST
    if run.phase == RunPhase.REQUESTED:
        return Act.END_UNSENT if run.stop_why else Act.SUBMIT
    if run.phase == RunPhase.UNCONFIRMED or run.absent_count:
        return Act.LOOK
    if run.stop_why:
        return Act.CANCEL
    return Act.SIGNAL if run.send_signal else Act.LOOK


def claim(run: Run, now: datetime, policy: Policy) -> Run:
    """Note that a submission is about to leave, so that a crash right after it finds the run unconfirmed and looks before it sends."""
    return move(run, RunPhase.UNCONFIRMED, sent_at=now, due_at=now + timedelta(seconds=policy.confirm_s), tries=run.tries + 1)


def give_back(run: Run, claimed: Run, now: datetime, policy: Policy) -> Step | None:
    """Undo a claim whose submission certainly never left; None when somebody else acted on the run since the claim."""
    if run.phase != RunPhase.UNCONFIRMED or run.version != claimed.version:
        return None
    return Step(move(run, RunPhase.REQUESTED, due_at=now + pause(1, policy), tries=max(run.tries - 1, 0)))


def end_unsent(run: Run, now: datetime) -> Step:
    """End a run that was stopped before any submission left."""
    return Step(_end(run, EndReason.CANCELLED, "Stopped before it was handed to the engine.", now), event=True)


def after_submit(run: Run, answer: Accepted | Refused | Unknown, now: datetime, policy: Policy) -> Step | None:
    """Take the engine's answer to a submission. None when the run has moved on meanwhile."""
    if run.phase != RunPhase.UNCONFIRMED:
        return None
    if isinstance(answer, Accepted):
        return Step(_rest(move(run, RunPhase.QUEUED, submitted_at=run.submitted_at or now, seen_at=now, tries=0, detail=""), now), event=True)
    if isinstance(answer, Refused):
        return Step(_end(run, EndReason.START_FAILED, clean(answer.sentence), now), event=True)
    first = run.tries <= 1
    wait = max(pause(run.tries, policy), timedelta(seconds=policy.confirm_s))
    return Step(replace(run, detail=clean(answer.why), due_at=now + wait), event=first)


def after_look(run: Run, seen: Sighting | Absent | Unknown, view: View, policy: Policy) -> Step | None:
    """Take what a look found. None when it changes nothing."""
    if run.phase == RunPhase.ENDED:
        return None
    if isinstance(seen, Sighting):
        return _after_sighting(run, seen, view.now)
    if isinstance(seen, Unknown):
        return Step(replace(run, tries=run.tries + 1, due_at=view.now + pause(run.tries + 1, policy))) if run.due_at else None
    if view.version is not None and view.version != run.version:
        return None
    if run.phase == RunPhase.UNCONFIRMED:
        return _after_unconfirmed_absent(run, view, policy)
    return _after_absent(run, view, policy) if run.live else None


def after_cancel(run: Run, answer: Accepted | Absent | Unknown, view: View, policy: Policy) -> Step | None:
    """Take the engine's answer to a cancel; it is said again until the engine reports the end."""
    if isinstance(answer, Accepted) and run.phase != RunPhase.ENDED:
        again = view.now + timedelta(seconds=policy.cancel_again_s)
        return Step(replace(run, due_at=again, send_signal=None, tries=0))
    return None if isinstance(answer, Accepted) else after_look(run, answer, view, policy)


def after_signal(run: Run, answer: Accepted | Absent | Unknown, told: Run, now: datetime, policy: Policy) -> Step | None:
    """Take the engine's answer to a signal; one that could not be given is tried again, so it may arrive twice."""
    if run.phase == RunPhase.ENDED or run.send_signal != told.send_signal:
        return None
    if isinstance(answer, Unknown):
        return Step(replace(run, tries=run.tries + 1, due_at=now + pause(run.tries + 1, policy)))
    return Step(_rest(replace(run, send_signal=None, tries=0), now))


def after_forget(run: Run, answer: Accepted | Absent | Unknown, now: datetime, policy: Policy) -> Step:
    """Take the engine's answer to forgetting a run."""
    if isinstance(answer, Unknown):
        return Step(replace(run, tries=run.tries + 1, due_at=now + pause(run.tries + 1, policy)))
    return Step(replace(run, forgotten_at=now, due_at=None, tries=0))


def must_wait_for_meter(run: Run, metered: AbstractSet[tuple[str, int]], now: datetime, policy: Policy) -> bool:
    """Tell whether the last usage record of a run is still to be read before its engine may drop it."""
    last = run.restart if run.started_at is not None else run.restart - 1
    patient = run.ended_at is not None and now < run.ended_at + timedelta(seconds=policy.meter_wait_s)
    return last >= 0 and (run.name, last) not in metered and patient


def pause(tries: int, policy: Policy) -> timedelta:
    """Return how long to wait before the next try."""
    return timedelta(seconds=min(policy.again_s * 2 ** min(max(tries - 1, 0), 20), policy.again_most_s))


def clean(text: str) -> str:
    """Make an engine's text fit to keep: no NUL, no lone surrogates, not endless."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:_MAX_TEXT]


def _after_sighting(run: Run, seen: Sighting, now: datetime) -> Step | None:
    if _is_late(run, seen):
        return None
    told = run.phase.value != seen.phase.value or seen.restart != run.restart
    new = replace(
        run,
        phase=RunPhase(seen.phase.value),
        restart=seen.restart,
        node=_text(seen.node) or (run.node if seen.restart == run.restart else None),
        position=_number(seen.position) if seen.phase == Phase.QUEUED else None,
        waiting_for=_text(seen.waiting_for) if seen.phase == Phase.QUEUED else None,
        submitted_at=_moment(seen.submitted_at) or run.submitted_at or now,
        started_at=_moment(seen.started_at) or (run.started_at if seen.restart == run.restart else None),
        outputs_path=_text(seen.outputs_path) or run.outputs_path,
        max_memory_mb=_number(seen.max_memory_mb) if seen.max_memory_mb is not None else run.max_memory_mb,
        cpu_seconds=seen.cpu_seconds if seen.cpu_seconds is not None else run.cpu_seconds,
        detail=clean(seen.detail),
        tries=0,
        absent_count=0,
        absent_since=None,
    )
    if seen.phase == Phase.ENDED:
        new = replace(new, reason=_reason(seen), exit_code=_number(seen.exit_code), signal=_number(seen.signal), due_at=None)
        new = replace(new, ended_at=_moment(seen.ended_at) or now, send_signal=None)
        return Step(replace(new, seen_at=now), event=True)
    new = _rest(new, now) if run.phase != new.phase or run.absent_count or not (run.stop_why or run.send_signal) else new
    if not told and new == run:
        return None
    return Step(replace(new, seen_at=now), event=told)


def _is_late(run: Run, seen: Sighting) -> bool:
    """Tell whether a sighting is older than what we know: a smaller restart, or an earlier phase of the same one."""
    if not run.live or seen.restart != run.restart:
        return run.live and seen.restart < run.restart
    return _RANK[seen.phase] < _RANK[Phase(run.phase.value)]


def _after_unconfirmed_absent(run: Run, view: View, policy: Policy) -> Step:
    sure_from = max(run.sent_at or view.contact_since, view.contact_since) + timedelta(seconds=policy.confirm_s)
    if view.now < sure_from:
        return Step(replace(run, due_at=sure_from))
    if run.stop_why:
        return end_unsent(run, view.now)
    return Step(move(run, RunPhase.REQUESTED, due_at=view.now))


def _after_absent(run: Run, view: View, policy: Policy) -> Step:
    since, count = run.absent_since, run.absent_count
    if since is None or since < view.contact_since:
        since, count = view.now, 0
    count += 1
    if count >= policy.lost_looks and view.now - since >= timedelta(seconds=policy.lost_s):
        return Step(_end(run, EndReason.ENGINE_FAULT, "The engine lost this run: it knew it before and no longer does.", view.now), event=True)
    again = timedelta(seconds=policy.lost_s / max(policy.lost_looks - 1, 1))
    return Step(replace(run, absent_since=since, absent_count=count, due_at=view.now + again))


def _end(run: Run, reason: EndReason, detail: str, now: datetime) -> Run:
    return move(run, RunPhase.ENDED, reason=reason, detail=detail, ended_at=now, due_at=None, send_signal=None, tries=0)


def _rest(run: Run, now: datetime) -> Run:
    """Have nothing due unless somebody still wants something of the run."""
    if run.stop_why or run.send_signal:
        return replace(run, due_at=now)
    return run if run.due_at is None else replace(run, due_at=None)


def _reason(seen: Sighting) -> EndReason:
    if seen.reason is not None:
        return seen.reason
    if seen.exit_code is None and seen.signal is None:
        return EndReason.ENGINE_FAULT
    return EndReason.COMPLETED if seen.exit_code == 0 and not seen.signal else EndReason.FAILED


def _moment(seconds: float | None) -> datetime | None:
    """Read seconds since the epoch; nonsense counts as not said."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _number(value: int | None) -> int | None:
    return None if value is None else max(-_MAX_INT, min(value, _MAX_INT))


def _text(value: str | None) -> str | None:
    return None if value is None else clean(value)
