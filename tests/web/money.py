"""A job of the owner's that was charged for, for the tests of pages about money."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.compute import money as world
from tests.web.conftest import Portal

from wutong.compute.billing import service as billing
from wutong.compute.billing.settler import Settler
from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.rules import JobRequest
from wutong.compute.jobs.tables import AttemptRow
from wutong.identity import service as identity
from wutong.kit import clock
from wutong.kit.loops import drain


@dataclass(frozen=True)
class Charged:
    """A job, its attempt, and when its usage began."""

    job_id: str
    run_name: str
    begun: datetime


def charge_job(portal: Portal, name: str = "train", *, who: str = "owner", hours: float = 1.0, windows: int = 2) -> Charged:
    """Submit a job, let it use one card for some windows, and settle."""
    begun = clock.now()
    with portal.context.database.session() as session:
        person = identity.authenticate(session, portal.people[who].secret)
        request = JobRequest(name=name, command="true", flavour="cpu.1", time_limit_s=3600, labels={"project": "alpha"})
        job = jobs.submit_job(session, person, request, limits=portal.context.job_limits)
        run = f"w-{job.id}-1"
        known = {"detail": "", "restart": 0, "ours": False, "requested_at": begun, "started_at": begun}
        session.add(AttemptRow(run_name=run, job_id=job.id, number=1, **known))
        billing.register_run(session, run_name=run, job_id=job.id, attempt=1)
        for number in range(windows):
            world.use(session, run, begun + timedelta(seconds=number), round(hours * 3_600_000 / windows))
    drain(Settler(portal.context.database).step)
    return Charged(job.id, run, begun)
