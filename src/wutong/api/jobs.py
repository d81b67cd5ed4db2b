"""Jobs: submit, read, list, cancel; their attempts, history, charges. Logs have a file of their own."""

from collections.abc import Sequence
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Header, Query
from sqlalchemy.orm import Session

from wutong.api.auth import Asking, Caller, Router, Tx, needs
from wutong.centre.rules import Forecast
from wutong.centre.service import look_at_queue
from wutong.compute.billing import service as billing
from wutong.compute.billing.rules import JobMoney
from wutong.compute.jobs import service
from wutong.compute.jobs.rules import Job, JobFilters, JobState
from wutong.doorway.jobs import request_of
from wutong.doorway.paging import Paging
from wutong.identity.rules import Permission, Principal
from wutong.kit.errors import Invalid
from wutong.sdk import jobs as wire
from wutong.sdk.wire import Listed

router = Router(tag="jobs")

Reads = Annotated[Principal, needs(Permission.JOB_READ)]
Submits = Annotated[Principal, needs(Permission.JOB_SUBMIT)]

_NOT_YET = (JobState.WAITING, JobState.QUEUED)


@router.post("/jobs", status_code=201)
async def submit_job(
    asking: Asking,
    body: wire.JobRequest,
    idempotency_key: Annotated[str | None, Header(max_length=200, description="The same key never makes a second job.")] = None,
) -> wire.Job:
    """Accept a job: it is written down, its money is held and it will be started, all at once, before this answers."""
    limits = asking.context.job_limits
    request = request_of(body)

    def submit(tx: Session, who: Principal) -> wire.Job:
        job = service.submit_job(tx, who, request, limits=limits, idempotency_key=idempotency_key)
        untried = job.state in _NOT_YET and job.attempt <= 1 and job.started_at is None
        return _told(job, None, None) if untried else told(tx, [job])[0]  # only a repeated key finds one that may have cost something

    if body.array is not None:
        return await asking.ask(submit, Permission.JOB_SUBMIT)  # thousands of jobs need no company
    return await asking.ask_together(submit, Permission.JOB_SUBMIT)


@router.get("/jobs")
def list_jobs(
    tx: Tx,
    who: Reads,
    page: Paging,
    state: Annotated[list[JobState] | None, Query(max_length=7)] = None,
    name: Annotated[str, Query(max_length=128, description="Part of the name.")] = "",
    person_id: Annotated[str | None, Query(max_length=100)] = None,
    label: Annotated[str | None, Query(max_length=200, description="`key=value`")] = None,
    parent_id: Annotated[str | None, Query(max_length=100, description="The jobs of this array.")] = None,
) -> Listed[wire.Job]:
    """List the organisation's jobs, newest first."""
    filters = JobFilters(frozenset(state or ()), person_id, name, _label(label), None, parent_id)
    found = service.list_jobs(tx, who, filters, page)
    return Listed[wire.Job](items=told(tx, found.items), next=found.next)


@router.get("/jobs/{job_id}")
async def get_job(asking: Asking, job_id: str) -> wire.Job:
    """Read one job; a queued one with its place in the queue and what it waits for, as of now."""

    def read(tx: Session, who: Principal) -> wire.Job:
        job = service.get_job(tx, who, job_id)
        place = service.queue_place(tx, who, job_id)
        return told(tx, [job])[0].model_copy(update={"position": place.position, "waiting_for": place.waiting_for or None})

    job = await asking.ask(read, Permission.JOB_READ)
    if job.state is wire.JobState.QUEUED:
        job = await _look_now(asking, job)
    return job


@router.post("/jobs/{job_id}/cancel")
def cancel_job(tx: Tx, who: Submits, job_id: str) -> wire.Job:
    """Cancel a job, or all of an array. A running one gets its checkpoint signal and its grace first; an ended one stays as it ended."""
    return told(tx, [service.cancel_job(tx, who, job_id)])[0]


@router.get("/jobs/{job_id}/attempts")
def list_attempts(tx: Tx, who: Reads, job_id: str) -> Listed[wire.Attempt]:
    """List all tries of a job, first to last."""
    found = service.list_attempts(tx, who, job_id)
    return Listed[wire.Attempt](items=[wire.Attempt.model_validate(attempt) for attempt in found])


@router.get("/jobs/{job_id}/events")
def list_events(tx: Tx, who: Reads, page: Paging, job_id: str) -> Listed[wire.JobEvent]:
    """List what happened to a job, first to last."""
    if page.after is not None and not page.after.isdecimal():
        raise Invalid(field="after", reason="Give the cursor that the page before came with.")
    found = service.job_events(tx, who, job_id, after=int(page.after or 0), limit=page.limit + 1)
    more = str(found[page.limit - 1].id) if len(found) > page.limit else None
    return Listed[wire.JobEvent](items=[wire.JobEvent.model_validate(event) for event in found[: page.limit]], next=more)


def told(tx: Session, jobs: Sequence[Job]) -> list[wire.Job]:
    """Tell jobs as the wire does, with what they cost so far: one query for all."""
    money = billing.job_money(tx, [job.id for job in jobs])
    exits = service.exit_codes(tx, jobs)
    starts = service.expected_starts(tx, jobs)
    return [_told(job, money.get(job.id), exits.get(job.id), starts.get(job.id)) for job in jobs]


def _told(job: Job, money: JobMoney | None, exit_code: int | None, start: Forecast | None = None) -> wire.Job:
    request = job.request
    return wire.Job.model_construct(
        id=job.id,
        tenant_id=job.tenant_id,
        name=job.name,
        state=wire.JobState(job.state.value),
        reason=str(job.reason or job.wait_reason or "") or None,
        detail=job.detail or None,
        person_id=job.person_id,
        flavour=job.flavour,
        nodes=request.nodes,
        processes=request.processes,
        launch=request.launch.value,
        ranks=request.ranks,
        environment=request.environment,
        command=request.command if isinstance(request.command, str) else list(request.command),
        priority=request.priority.value,
        time_limit_s=request.time_limit_s,
        attempt=job.attempt,
        tries=request.tries,
        parent_id=job.parent_id,
        array_index=job.array_index,
        array_size=job.array_size,
        labels=dict(job.labels),
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        exit_code=exit_code,
        charged_fen=money.amount_fen if money else 0,
        settled=money is not None and money.settled_at is not None,
        position=None,
        waiting_for=None,
        expected_start=start.start_at if start else None,
        expected_start_bound=start.bound_at if start else None,
        outputs_version=job.output_version_id,
        metrics=dict(job.metrics) or None,
    )


async def _look_now(asking: Caller, job: wire.Job) -> wire.Job:
    """Ask the engine where a queued job stands; when it does not answer, what was last seen stays."""
    run = await asking.ask(lambda tx, who: service.current_run(tx, who, job.id), Permission.JOB_READ)
    if run is None:
        return job
    seen = (await run_sync(look_at_queue, asking.context.engines, [run])).get(run.name)
    position, waiting_for = getattr(seen, "position", None), getattr(seen, "waiting_for", None)
    return job.model_copy(update={"position": position, "waiting_for": waiting_for}) if waiting_for else job


def _label(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    key, equals, value = text.partition("=")
    if not equals:
        raise Invalid(field="label", reason="Write key=value.")
    return key, value
