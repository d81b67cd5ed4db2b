"""Jobs of all organisations and the queue, for those who run the machines. Logs and data are the organisations' own and not shown."""

from typing import Annotated, Any

from fastapi import Query, Response

from wutong.centre import service as centre
from wutong.compute.billing import service as billing
from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.rules import JobFilters, JobState
from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity import service as identity
from wutong.identity.rules import Permission
from wutong.kit.errors import Problem
from wutong.web.console.reading import Asked, Line
from wutong.web.view import Pages, View

pages = Pages()

Sees = Annotated[View, needs(Permission.CENTRE_JOBS)]
Operates = Annotated[View, needs(Permission.CENTRE_OPERATE)]


@pages.get("/console/jobs")
def jobs_page(
    tx: Tx,
    view: Sees,
    page: Paging,
    state: Annotated[JobState | str, Query(max_length=20)] = "",
    pool: Asked = "",
    tenant: Asked = "",
    person: Asked = "",
    id: Asked = "",  # noqa: A002 - the name in links
) -> Response:
    """List jobs, newest first; a job's id leads straight to it."""
    if id.strip() and jobs.find_any_job(tx, view.who, id.strip()) is not None:
        return view.go(f"/console/jobs/{id.strip()}")
    states = frozenset({JobState(state)}) if state in set(JobState) else frozenset[JobState]()
    filters = JobFilters(states, person or None if tenant else None, tenant_id=tenant or None, pool=pool or None)
    found = jobs.list_all_jobs(tx, view.who, filters, page)
    asked = {"state": state, "pool": pool, "tenant": tenant, "person": person if tenant else ""}
    values: dict[str, Any] = {
        "page": found,
        "asked": asked,
        "missing": id.strip(),
        "states": list(JobState),
        "counts": jobs.count_all_states(tx, view.who),
        "pools": centre.list_pools(tx),
        "tenants": identity.tenant_names(tx, {job.tenant_id for job in found.items} | ({tenant} if tenant else set())),
        "people": identity.person_names(tx, {job.person_id for job in found.items}),
    }
    return view.page("console/jobs.html", **values)


@pages.get("/console/queue")
def queue_page(tx: Tx, view: Sees, pool: Asked = "") -> Response:
    """Show a pool's queue in order, with what each job waits for."""
    return view.page("console/queue.html", **_queue(tx, view, pool))


@pages.get("/console/queue/part")
def queue_part(tx: Tx, view: Sees, pool: Asked = "") -> Response:
    """Render the queue again."""
    return view.page("console/queue_part.html", **_queue(tx, view, pool))


def _queue(tx: Tx, view: View, pool: str) -> dict[str, Any]:
    pools, waiting = centre.list_pools(tx), centre.waiting_by_pool(tx)
    longest = max(waiting, key=lambda name: waiting[name].runs, default="")
    known = {each.name for each in pools}
    chosen = pool if pool in known else longest if longest in known else next(iter(sorted(known)), "")
    queue = jobs.list_queue(tx, view.who, chosen)
    return {
        "pools": pools,
        "pool": chosen,
        "waiting": waiting,
        "queue": queue,
        "tenants": identity.tenant_names(tx, {each.job.tenant_id for each in queue}),
        "forecasts": centre.forecast_of(tx, [each.run.name for each in queue]),
    }


@pages.get("/console/jobs/{job_id}")
def job_page(tx: Tx, view: Sees, job_id: str) -> Response:
    """Show one job: what the machines have to do with it."""
    return view.page("console/job.html", **_job(tx, view, job_id))


@pages.post("/console/jobs/{job_id}/stop")
def stop_job(tx: Tx, view: Operates, job_id: str, reason: Line = "") -> Response:
    """Stop a job with a reason that its organisation reads."""
    done = view.attempt(lambda: jobs.stop_job(tx, view.who, job_id, reason=reason))
    if isinstance(done, Problem):
        if done.status == 404:
            raise done
        return view.page("console/job.html", done.status, **{**_job(tx, view, job_id), "reason": reason}, problem=done)
    view.toast("The job ends now. Its organisation reads your reason.")
    return view.go(f"/console/jobs/{job_id}")


def _job(tx: Tx, view: View, job_id: str) -> dict[str, Any]:
    record = jobs.read_any_job(tx, view.who, job_id)
    runs = {run.name: run for run in centre.list_runs(tx, [attempt.run_name for attempt in record.attempts])}
    return {
        "record": record,
        "job": record.job,
        "runs": runs,
        "tenant": identity.get_tenant(tx, record.job.tenant_id),
        "person": identity.person_names(tx, [record.job.person_id]).get(record.job.person_id, record.job.person_id),
        "money": billing.job_money(tx, [job_id]).get(job_id),
        "reason": "",
    }
