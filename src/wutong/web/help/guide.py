"""`/guide`: the first steps of an organisation, one next action at a time, on its overview until it is put away; and the sample data."""

import gzip
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Response
from sqlalchemy.orm import Session

from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.rules import Job, JobFilters, JobState
from wutong.desk.hints import service as hints
from wutong.desk.hints.rules import Hint
from wutong.doorway.asking import Tx, needs
from wutong.hub import service as hub
from wutong.hub.rules import File, RepoKind
from wutong.identity.rules import Permission
from wutong.kit.paging import PageRequest
from wutong.ledger import service as ledger
from wutong.ledger.rules import Balance
from wutong.web.help.steps import Standing, job_to_show, plan
from wutong.web.jobs.sample import SAMPLE_DATA
from wutong.web.view import Pages, View, Visit, Visiting

pages = Pages(prefix="/guide")

Reads = Annotated[View, needs(Permission.TENANT_READ)]
FEW_JOBS = 3
LATEST = PageRequest(6)
FIRST = PageRequest(1)
LICENCE, DESCRIPTION = "CC-BY-4.0", "1,797 handwritten digits, a sample to begin with · 手写数字示例"


@pages.get("")
def guide_page(tx: Tx, view: Reads) -> Response:
    """Show the first steps, whether they are put away or not."""
    tenant_id = view.who.tenant_id or ""
    balance = ledger.balance(tx, tenant_id) if view.may(Permission.MONEY_READ) else None
    latest = jobs.list_jobs(tx, view.who, JobFilters(), LATEST).items if view.may(Permission.JOB_READ) else []
    return view.page("help/guide.html", **shown(standing(tx, view, balance, latest)), is_put_away=is_put_away(tx, view))


@pages.post("/data")
async def take_sample(visit: Visiting) -> Response:
    """Make the sample data set the organisation's own."""
    await visit.ask(lambda _tx, _who: None, Permission.DATA_WRITE)
    return await run_sync(_take_sample, visit)


@pages.post("/put-away")
def put_away(tx: Tx, view: Reads) -> Response:
    """Take the guide off the overview; it stays in Help."""
    hints.put_away(tx, view.who, Hint.FIRST_STEPS)
    view.toast("The first steps stay in Help.")
    return view.go("/overview")


@pages.post("/bring-back")
def bring_back(tx: Tx, view: Reads) -> Response:
    """Put the guide onto the overview again."""
    hints.bring_back(tx, view.who, Hint.FIRST_STEPS)
    return view.go("/overview")


def standing(tx: Session, view: View, balance: Balance | None, latest: Sequence[Job]) -> Standing:
    """Look what the organisation has already; `balance` is None where the reader may not see it."""
    sees_data = view.may(Permission.DATA_READ)
    job = job_to_show(latest)
    return Standing(
        money=None if balance is None else balance.cash_fen > 0 or bool(balance.credits),
        data=bool(hub.list_repos(tx, view.who, RepoKind.DATASET, FIRST).items) if sees_data and job is None else None,
        job=job,
        model=_model(tx, view, job) if sees_data else None,
    )


def shown(found: Standing) -> dict[str, Any]:
    """Return what the card of the guide shows."""
    return {"standing": found, "guide": plan(found), "sample": SAMPLE_DATA}


def is_new(states: Mapping[JobState, int]) -> bool:
    """Tell whether an organisation is still taking its first steps, by how many jobs it has."""
    return sum(states.values()) <= FEW_JOBS


def is_put_away(tx: Session, view: View) -> bool:
    """Tell whether the reader has put the guide of this organisation away."""
    return hints.is_put_away(tx, view.who, Hint.FIRST_STEPS)


def _model(tx: Session, view: View, job: Job | None) -> str | None:
    """Return where the result of a job is read."""
    if job is None or job.output_version_id is None:
        return None
    found = hub.find_versions(tx, view.who, [job.output_version_id]).get(job.output_version_id)
    return None if found is None else f"/data/{found[0].id}/versions/{found[1].number}"


def _take_sample(visit: Visit) -> Response:
    """Store the files, which takes no transaction; then make the version of them. Done twice it is the same version."""
    context = visit.context
    with context.blobs.intake() as intake:
        kept = [(name, intake.add([content])) for name, content in sample_files().items()]
    with context.database.session() as tx:
        who = visit.principal(tx, Permission.DATA_WRITE)
        stored = [File(name, blob.size_bytes, blob.sha256) for name, blob in kept]
        repo = hub.find_repo(tx, who, RepoKind.DATASET, SAMPLE_DATA) or hub.create_repo(
            tx, who, RepoKind.DATASET, SAMPLE_DATA, licence=LICENCE, description=DESCRIPTION
        )
        hub.record_blobs(tx, who.tenant_id or "", stored, blobs=context.blobs)
        hub.commit_version(tx, who, repo.id, stored)
    view = View(visit, None)
    view.toast("The sample data set {name} is yours.", name=SAMPLE_DATA)
    return view.go("/overview")


def sample_files() -> dict[str, bytes]:
    """Return the files of the sample data set."""
    folder = files("wutong.web.help") / "sample"
    return {"README.md": (folder / "README.md").read_bytes(), "digits.csv": gzip.decompress((folder / "digits.csv.gz").read_bytes())}
