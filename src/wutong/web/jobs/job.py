"""One job: where it stands and why, its attempts, log, numbers, cost, what it was made from and made; cancelling it."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Query, Response
from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import Run
from wutong.compute.billing import service as billing
from wutong.compute.billing.rules import JobMoney
from wutong.compute.catalogue import service as catalogue
from wutong.compute.catalogue.rules import NoPrice, cost_fen
from wutong.compute.jobs import browse
from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.browse import Trial
from wutong.compute.jobs.logs import LogSource
from wutong.compute.jobs.rules import Job, JobFilters, JobState, QueuePlace
from wutong.doorway import jobs as doorway
from wutong.doorway.asking import Tx, needs
from wutong.doorway.logs import read_end
from wutong.hub import service as hub
from wutong.identity import service as identity
from wutong.identity.rules import Permission
from wutong.kit import clock
from wutong.kit.errors import NotFound, Problem
from wutong.kit.paging import PageRequest
from wutong.sdk import jobfile
from wutong.web.jobs.lineage import graph_of, version_path
from wutong.web.jobs.listing import rows_of
from wutong.web.jobs.numbers import metric_names
from wutong.web.view import Pages, View, Visit, Visiting

pages = Pages()

END_BYTES, END_LINES = 32 * 1024, 200
MOST_EVENTS = 300
MOST_CHILDREN = 100
Short = Annotated[str, Query(max_length=100)]
Number = Annotated[int | None, Query(ge=0, le=100_000)]


@dataclass(frozen=True, slots=True)
class Shown:
    """Which log the page shows: of which attempt (None: the latest), rank and start."""

    attempt: int | None
    rank: int
    start: int | None


@pages.get("/jobs/{job_id}")
async def job_page(
    visit: Visiting, job_id: str, attempt: Number = None, rank: Number = None, start: Number = None, state: Short = "", after: Short = ""
) -> Response:
    """Show all that is known of a job."""
    shown = Shown(attempt, rank or 0, start)
    return await run_sync(_job_page, visit, job_id, shown, state, after)


@pages.get("/jobs/{job_id}/part")
async def job_part(visit: Visiting, job_id: str, shown: Number = None) -> Response:
    """Render again what changes: state, queue, attempts, cost, history."""
    return await run_sync(_job_part, visit, job_id, shown)


@pages.get("/jobs/{job_id}/children")
def children_part(tx: Tx, view: Annotated[View, needs(Permission.JOB_READ)], job_id: str, state: Short = "", after: Short = "") -> Response:
    """Render the jobs of an array again."""
    job = jobs.get_job(tx, view.who, job_id)
    return view.page("jobs/children.html", job=job, **_children(tx, view, job, state, after))


@pages.post("/jobs/{job_id}/cancel")
def cancel_job(tx: Tx, view: Annotated[View, needs(Permission.JOB_SUBMIT)], job_id: str) -> Response:
    """Cancel a job; a running one gets its checkpoint signal and its grace first."""
    job = jobs.cancel_job(tx, view.who, job_id)
    if job.state is JobState.CANCELLED:
        view.toast("Job {name} is cancelled.", name=job.name)
    elif not job.ended:
        view.toast("Job {name} is asked to stop.", name=job.name)
    else:
        view.toast("Job {name} had ended already.", name=job.name, kind="info")
    return view.go(f"/jobs/{job_id}")


def _job_page(visit: Visit, job_id: str, shown: Shown, state: str, after: str) -> Response:
    """Gather in one transaction, then read the log's end with none open, then render."""
    with visit.context.database.session() as tx:
        view = View(visit, visit.principal(tx, Permission.JOB_READ), tx)
        values, source = _gather(tx, view, job_id), None
        job: Job = values["job"]
        if job.array_size is None:
            source = _source(job, values["trials"], shown)
            values["log"] = source
        else:
            values |= _children(tx, view, job, state, after)
        values |= _made(tx, view, job)
    end = _end(visit, source, shown) if source and source.attempt else ""
    values["names"] = metric_names(visit, job, values["trials"])
    starts = source.last_start if source else 0
    return view.page("jobs/job.html", shown=replace(shown, start=starts if shown.start is None else shown.start), end=end, **_now(visit, values))


def _job_part(visit: Visit, job_id: str, shown: int | None) -> Response:
    with visit.context.database.session() as tx:
        view = View(visit, visit.principal(tx, Permission.JOB_READ), tx)
        values = _gather(tx, view, job_id)
    return view.page("jobs/part.html", shown_attempt=shown or 0, **_now(visit, values))


def _gather(tx: Session, view: View, job_id: str) -> dict[str, Any]:
    job = jobs.get_job(tx, view.who, job_id)
    trials = browse.list_trials(tx, job)
    money = _money(tx, view, job) if view.may(Permission.MONEY_READ) else None
    return {
        "job": job,
        "trials": trials,
        "place": browse.place(job, trials),
        "events": jobs.job_events(tx, view.who, job.id, limit=MOST_EVENTS),
        "money": money,
        "most_fen": _most(tx, job, trials, money),
        "start": jobs.expected_starts(tx, [job]).get(job.id),
        "person": identity.person_names(tx, {job.person_id}).get(job.person_id, "—"),
        "may_cancel": _may_cancel(view, job),
        "now": clock.now(),
    }


def _money(tx: Session, view: View, job: Job) -> JobMoney | None:
    """Return what a job cost, or all jobs of an array together."""
    if job.array_size is None:
        return billing.job_money(tx, [job.id]).get(job.id)
    found = list(billing.job_money(tx, browse.children_ids(tx, view.who, job)).values())
    return JobMoney(
        job_id=job.id,
        amount_fen=sum(each.amount_fen for each in found),
        package_seconds=sum(each.package_seconds for each in found),
        card_ms=sum(each.card_ms for each in found),
        held_fen=sum(each.held_fen for each in found if each.settled_at is None),
        held_package_s=sum(each.held_package_s for each in found if each.settled_at is None),
        settled_at=job.ended_at if all(each.settled_at for each in found) else None,
    )


def _may_cancel(view: View, job: Job) -> bool:
    own = job.person_id == view.who.person_id
    asked = job.stop_why is not None
    return not job.ended and not asked and view.may(Permission.JOB_SUBMIT) and (own or view.may(Permission.JOB_MANAGE))


def _most(tx: Session, job: Job, trials: list[Trial], money: JobMoney | None) -> int | None:
    """Return what a running job will have cost if it runs to its time limit, at the price of now."""
    begun = trials[-1].attempt.started_at if trials else None
    if money is None or begun is None or job.state is not JobState.RUNNING or job.array_size is not None:
        return None
    try:
        price = catalogue.price_at(tx, job.flavour, clock.now())
    except NoPrice:
        return None
    left = begun + timedelta(seconds=job.request.time_limit_s) - clock.now()
    return money.amount_fen + cost_fen(price.fen_per_card_hour, max(round(left.total_seconds() * 1000), 0) * job.cards)


def _made(tx: Session, view: View, job: Job) -> dict[str, Any]:
    """Return what the job was made from and what it made, as far as the reader may see it."""
    ids = {item.version_id for item in job.inputs} | ({job.output_version_id} if job.output_version_id else set())
    known = hub.find_versions(tx, view.who, ids) if view.may(Permission.DATA_READ) else {}
    made = known.get(job.output_version_id or "")
    request = jobfile.write(doorway.body_of(job.request))
    paths = {item.version_id: version_path(known.get(item.version_id)) for item in job.inputs}
    return {"graph": graph_of(job, known), "made": made, "made_path": version_path(made), "input_paths": paths, "request": request}


def _children(tx: Session, view: View, job: Job, state: str, after: str) -> dict[str, Any]:
    states = frozenset({JobState(state)}) if state in set(JobState) else frozenset[JobState]()
    page = PageRequest(MOST_CHILDREN, after or None)
    listed = jobs.list_jobs(tx, view.who, JobFilters(states=states, parent_id=job.id), page)
    counts = browse.count_children(tx, view.who, job)
    return {"listed": listed, "counts": counts, "state": state, "states": list(JobState), **rows_of(tx, view, listed.items)}


def _source(job: Job, trials: list[Trial], shown: Shown) -> LogSource:
    """Say where the log is that the page shows; raises `NotFound` for a rank or an attempt that there is not."""
    ranks = job.request.ranks
    trial = trials[-1] if trials and shown.attempt is None else next((each for each in trials if each.attempt.number == shown.attempt), None)
    if not 0 <= shown.rank < ranks:
        raise NotFound(kind="rank", id=str(shown.rank))
    if trial is None and shown.attempt not in (None, 1):
        raise NotFound(kind="attempt", id=str(shown.attempt))
    if trial is None:
        return LogSource(None, None, ended=job.ended, rank=shown.rank, ranks=ranks)
    return LogSource(trial.attempt, trial.run, ended=job.ended, rank=shown.rank, ranks=ranks)


def _end(visit: Visit, source: LogSource, shown: Shown) -> str:
    """Read the last lines of the log; nothing when its engine does not answer."""
    try:
        return read_end(visit, source, most_bytes=END_BYTES, most_lines=END_LINES, restart=shown.start)
    except Problem:
        return ""


def _now(visit: Visit, values: dict[str, Any]) -> dict[str, Any]:
    """Ask the engine where a queued job stands this moment; when it does not answer, what was last seen stays."""
    job, trials = values["job"], values["trials"]
    run: Run | None = trials[-1].run if trials else None
    if job.state is not JobState.QUEUED or run is None or visit.context.engines is None:
        return values
    seen = centre.look_at_queue(visit.context.engines, [run]).get(run.name)
    waiting_for = getattr(seen, "waiting_for", None)
    return {**values, "place": QueuePlace(getattr(seen, "position", None), waiting_for)} if waiting_for else values
