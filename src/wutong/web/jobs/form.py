"""Submitting a job: a form beside the same job as YAML, what it would cost as one types, and the submission itself."""

import uuid
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from wutong.compute.billing import service as billing
from wutong.compute.billing.rules import Estimate
from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.requests import parse_array
from wutong.compute.jobs.rules import KeyReused
from wutong.doorway import jobs as doorway
from wutong.doorway.asking import Tx, needs
from wutong.identity.rules import Permission
from wutong.kit.errors import Invalid, Problem
from wutong.sdk import jobfile
from wutong.sdk.jobfile import BadJobFile
from wutong.sdk.jobs import JobRequest
from wutong.web.jobs import fields
from wutong.web.jobs.choices import choices_for
from wutong.web.jobs.fields import Form
from wutong.web.jobs.sample import digits_job, sample_job
from wutong.web.view import Pages, View

pages = Pages()

MAX_VALUE = 200_000
Submits = Annotated[View, needs(Permission.JOB_SUBMIT)]
Named = Annotated[str, Query(max_length=300)]


class NotAJob(Invalid):
    """What was typed makes no job."""

    code = "not_a_job"
    message = "{reason}"


class SentBefore(Problem):
    """The form came again with another request than the first time."""

    code = "sent_before"
    status = 409
    message = "This form has made the job {job_id} already. Send it once more to make another one of what it says now."


async def typed(request: Request) -> Form:
    """Gather what the form's fields hold; files are none of them."""
    sent = await request.form()
    return {name: [value[:MAX_VALUE] for value in sent.getlist(name) if isinstance(value, str)] for name in sent}


Typed = Annotated[Form, Depends(typed)]


@dataclass(frozen=True, slots=True)
class Draft:
    """A job as somebody writes it: the form's fields, the same as YAML, the request when they make one, and what is wrong when not."""

    form: Form
    text: str
    request: JobRequest | None = None
    wrong: tuple[str, ...] = ()


def draft_of(request: JobRequest) -> Draft:
    """Begin with a request."""
    return Draft(fields.form_of(request), jobfile.write(request), request)


def draft_typed(form: Form) -> Draft:
    """Read what was typed last: the form, or the text beside it when `from` says so. What is right is shown on both sides."""
    text = (form.get("yaml") or [""])[0].replace("\r\n", "\n")
    from_text = form.get("from", ["form"])[0] == "yaml"
    try:
        request = jobfile.parse(jobfile.read_fields(text)) if from_text else fields.request_of(form)
    except BadJobFile as bad:
        return Draft(form, text, None, bad.wrong)
    return Draft(fields.form_of(request) if from_text else form, text if from_text else jobfile.write(request), request)


@pages.get("/jobs/new")
def new_job(tx: Tx, view: Submits, clone: Named = "", sample: Named = "", flavour: Named = "", dataset: Named = "", code: Named = "") -> Response:
    """Show the form: empty, with a job to begin from, or with the sample."""
    if clone:
        draft = draft_of(doorway.body_of(jobs.get_job(tx, view.who, clone).request))
    elif sample:
        draft = draft_of(digits_job(view.say("First model")) if sample == "digits" else sample_job(view.say("First job")))
    else:
        empty = {"name": [""], "command": [""], "dataset_ref": [dataset], "code": [code], **({"flavour": [flavour]} if flavour else {})}
        draft = Draft({**fields.form_of(JobRequest(name="-", command="")), **empty}, "")
    return _page(tx, view, draft, fresh=not flavour and not clone)


@pages.post("/jobs/new")
def submit_job(tx: Tx, view: Submits, form: Typed) -> Response:
    """Submit what was typed; the same form sent twice makes one job."""
    draft, key = draft_typed(form), (form.get("key") or [""])[0][:100]
    if form.get("from") == ["look"]:
        return _page(tx, view, draft, key=key, looked=True)
    if draft.request is None:
        return _page(tx, view, draft, key=key, problem=_wrong(view, draft))
    request, limits = doorway.request_of(draft.request), view.context.job_limits
    done = view.attempt(lambda: jobs.submit_job(tx, view.who, request, limits=limits, idempotency_key=key or str(uuid.uuid4())))
    if isinstance(done, KeyReused):
        return _page(tx, view, draft, problem=SentBefore(job_id=str(done.params["job_id"])))
    if isinstance(done, Problem):
        return _page(tx, view, draft, key=key, problem=done)
    view.toast("Job {name} is accepted.", name=done.name)
    return view.go(f"/jobs/{done.id}")


@pages.post("/jobs/new/preview")
def preview_job(view: Submits, form: Typed) -> Response:
    """Say for a script what stands on the other side: the YAML of the form, or the fields of the YAML."""
    draft = draft_typed(form)
    if draft.request is None:
        return JSONResponse({"problems": [said(view, sentence) for sentence in draft.wrong]})
    return JSONResponse({"problems": [], "yaml": draft.text, "fields": draft.form})


@pages.post("/jobs/new/estimate")
def estimate_job(tx: Tx, view: Submits, form: Typed) -> Response:
    """Render what the job would cost, who would pay, and what stands in its way."""
    return view.page("jobs/estimate.html", **_estimate(tx, view, draft_typed(form)))


def said(view: View, sentence: str) -> str:
    """Tell a fault of a field, such as `nodes: It is needed.`, in the reader's language."""
    field, colon, rest = sentence.partition(": ")
    return f"{field}{colon}{view.words.retell(rest)}" if colon and field.replace("_", "").replace(".", "").isalnum() else view.words.retell(sentence)


def _wrong(view: View, draft: Draft) -> Problem:
    return NotAJob(reason=" ".join(said(view, sentence) for sentence in draft.wrong))


def _page(
    tx: Session, view: View, draft: Draft, *, key: str = "", problem: Problem | None = None, looked: bool = False, fresh: bool = False
) -> Response:
    """Render the form; what was typed stays as it is, whatever was wrong with it. A fresh one begins with a flavour that there is."""
    choices = choices_for(tx, view)
    names = [each.flavour.name for each in choices["flavours"]]
    if fresh and names and draft.form["flavour"][0] not in names:
        draft = _with_flavour(draft, names[0])
    status = 200 if problem is None else problem.status
    told = _estimate(tx, view, draft) if looked else None
    given: dict[str, Any] = {"form": draft.form, "text": draft.text, "key": key or str(uuid.uuid4()), "told": told}
    return view.page("jobs/new.html", status, **given, problem=problem, **choices)


def _with_flavour(draft: Draft, flavour: str) -> Draft:
    """Begin with another flavour on both sides."""
    if draft.request is None:
        return Draft({**draft.form, "flavour": [flavour]}, draft.text)
    return draft_of(draft.request.model_copy(update={"flavour": flavour}))


def _estimate(tx: Session, view: View, draft: Draft) -> dict[str, Any]:
    """Return the estimate of a draft (None where it cannot be told) and all that would have it refused."""
    if draft.request is None:
        return {"estimate": None, "request": None, "faults": [said(view, sentence) for sentence in draft.wrong]}
    request = doorway.request_of(draft.request)
    found: Estimate | None = None
    faults = jobs.problems_of(tx, view.who, request)
    if not any(isinstance(fault, Invalid) and fault.params.get("field") == "array" for fault in faults) and view.may(Permission.MONEY_READ):
        array = parse_array(request.array)
        try:
            found = billing.estimate(tx, view.who, request, count=len(array.indices) if array else 1)
        except Problem as problem:
            faults.append(problem)
    faults += found.refusals if found else ()
    return {"estimate": found, "request": request, "faults": [view.problem(fault) for fault in faults]}
