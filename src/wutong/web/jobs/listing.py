"""The list of jobs: filters that are the address, counts by state, and several jobs side by side."""

from typing import Annotated, Any

from fastapi import Depends, Query, Response
from sqlalchemy.orm import Session

from wutong.compute.billing import service as billing
from wutong.compute.jobs import browse
from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.rules import Job, JobFilters, JobState
from wutong.doorway import jobs as doorway
from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity import service as identity
from wutong.identity.rules import Permission
from wutong.kit.errors import Invalid
from wutong.kit.paging import PageRequest
from wutong.sdk.jobs import JobRequest
from wutong.web.view import Pages, View

pages = Pages()

MOST_COMPARED = 6
Reads = Annotated[View, needs(Permission.JOB_READ)]
Words = Annotated[str, Query(max_length=200)]
UNDER_WAY = (JobState.WAITING, JobState.QUEUED, JobState.RUNNING, JobState.FINISHING)


class WrongNumber(Invalid):
    """Too few or too many jobs were chosen to be compared."""

    code = "cannot_compare"
    message = "Choose 2 to {most} jobs to compare."


def asked_for(state: Words = "", name: Words = "", mine: Words = "", label: Words = "", flavour: Words = "", array: Words = "") -> dict[str, str]:
    """Gather the filters of an address."""
    return {"state": state, "name": name, "mine": mine, "label": label, "flavour": flavour, "array": array}


Filters = Annotated[dict[str, str], Depends(asked_for)]


@pages.get("/jobs")
def list_jobs(tx: Tx, view: Reads, page: Paging, query: Filters) -> Response:
    """Show the organisation's jobs, newest first."""
    return view.page("jobs/list.html", **_listed(tx, view, page, query))


@pages.get("/jobs/part")
def list_part(tx: Tx, view: Reads, page: Paging, query: Filters) -> Response:
    """Render the rows again."""
    return view.page("jobs/rows.html", **_listed(tx, view, page, query))


@pages.get("/jobs/compare")
def compare_jobs(tx: Tx, view: Reads, ids: Annotated[list[str] | None, Query(alias="id", max_length=50)] = None) -> Response:
    """Show jobs side by side: what was asked for where it differs, numbers, time, cost."""
    chosen = list(dict.fromkeys(ids or ()))
    if not 2 <= len(chosen) <= MOST_COMPARED:
        return view.page("jobs/compare.html", 422, jobs=[], problem=WrongNumber(most=MOST_COMPARED))
    found = browse.get_jobs(tx, view.who, chosen)
    asked = [doorway.body_of(job.request).model_dump(mode="json", exclude_defaults=True) for job in found]
    fields = [field for field in JobRequest.model_fields if any(field in each for each in asked)]
    differs = [field for field in fields if any(each.get(field) != asked[0].get(field) for each in asked)]
    numbers = sorted({name for job in found for name in job.metrics})
    money = billing.job_money(tx, chosen)
    told = [{field: _told(each.get(field)) for field in differs} for each in asked]
    return view.page("jobs/compare.html", jobs=found, asked=told, differs=differs, numbers=numbers, money=money)


def _told(value: object) -> str:
    """Write the value of a field of a request for a table."""
    if isinstance(value, dict):
        return "\n".join(f"{name}: {each}" for name, each in value.items())
    if isinstance(value, list):
        return "\n".join(" ".join(map(str, each.values())) if isinstance(each, dict) else str(each) for each in value)
    return "—" if value is None else str(value)


def filters_of(view: View, query: dict[str, str]) -> JobFilters:
    """Read the filters of an address; a state that there is not is none."""
    states = frozenset(JobState(query["state"]) for _ in (1,) if query["state"] in set(JobState))
    key, equals, value = query["label"].partition("=")
    return JobFilters(
        states=states,
        person_id=view.who.person_id if query["mine"] else None,
        text=query["name"].strip(),
        label=(key.strip(), value.strip()) if equals else None,
        flavour=query["flavour"].strip(),
        arrays=bool(query["array"]),
    )


def rows_of(tx: Session, view: View, found: list[Job]) -> dict[str, Any]:
    """Return what rows of jobs need beside the jobs: one statement for each kind of thing, however many rows."""
    return {
        "costs": billing.job_money(tx, [job.id for job in found]) if view.may(Permission.MONEY_READ) else {},
        "starts": jobs.expected_starts(tx, found),
        "people": identity.list_people(tx, {job.person_id for job in found}),
    }


def _listed(tx: Session, view: View, page: PageRequest, query: dict[str, str]) -> dict[str, Any]:
    listed = jobs.list_jobs(tx, view.who, filters_of(view, query), page)
    counts = browse.count_listed(tx, view.who)
    narrowed = {name: value for name, value in query.items() if value}
    return {
        "listed": listed,
        "query": query,
        "narrowed": narrowed,
        "counts": counts,
        "states": list(JobState),
        "under_way": UNDER_WAY,
        "here": {**narrowed, **({"after": page.after} if page.after else {})},
        **rows_of(tx, view, listed.items),
    }
