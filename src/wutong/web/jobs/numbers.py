"""How the numbers of a job went: which there are, and each as the data of a chart."""

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Query, Response
from fastapi.responses import JSONResponse

from wutong.compute.jobs import browse
from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.browse import Trial
from wutong.compute.jobs.metrics import STEPS
from wutong.compute.jobs.rules import Job
from wutong.identity.rules import Permission
from wutong.kit.errors import NotFound
from wutong.web.view import Pages, View, Visit, Visiting

pages = Pages()

MOST_CHARTS = 12


@pages.get("/jobs/{job_id}/metrics")
async def chart_data(visit: Visiting, job_id: str, name: Annotated[str, Query(max_length=100)] = "") -> Response:
    """Give one number as it went, or all that there are with their last values."""
    source = await visit.ask(lambda tx, who: browse.metric_source(tx, who, job_id), Permission.JOB_READ)
    series = await run_sync(browse.read_series, visit.context.blobs, source)
    if not name:
        return JSONResponse({"names": list(series)})
    if name not in series:
        raise NotFound(kind="number", id=name)
    points = series[name]
    return JSONResponse(
        {"x": [step for step, _ in points], "time": False, "zero": False, "series": [{"name": name, "y": [value for _, value in points]}]}
    )


@pages.get("/jobs/{job_id}/charts")
async def charts_part(visit: Visiting, job_id: str) -> Response:
    """Render the charts that there are by now."""
    return await run_sync(_charts, visit, job_id)


def _charts(visit: Visit, job_id: str) -> Response:
    with visit.context.database.session() as tx:
        view = View(visit, visit.principal(tx, Permission.JOB_READ), tx)
        job = jobs.get_job(tx, view.who, job_id)
        trials = browse.list_trials(tx, job)
    return view.page("jobs/charts.html", job=job, names=metric_names(visit, job, trials))


def metric_names(visit: Visit, job: Job, trials: list[Trial]) -> list[str]:
    """Return which numbers a job has told, as many as are drawn; call it with no transaction open."""
    names = job.metrics if job.ended else browse.read_series(visit.context.blobs, browse.source_of_run(job, trials))
    return [name for name in names if name not in STEPS][:MOST_CHARTS]
