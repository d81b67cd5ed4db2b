"""The loop that tells people what happened below: jobs that ended, warnings about money, maintenance, invitations.

What is taken from a queue below and what is told are one transaction, so that a kill at any moment neither repeats nor loses any.
"""

from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import Window
from wutong.compute.billing import service as billing
from wutong.compute.billing.ladder_rules import Notice as Warning_
from wutong.compute.billing.ladder_rules import NoticeKind as WarningKind
from wutong.compute.jobs import ended
from wutong.compute.jobs.rules import Job
from wutong.desk.notices import store
from wutong.desk.notices.rules import KEEP, Fact
from wutong.desk.notices.service import tell
from wutong.desk.rules import NoticeKind
from wutong.identity import service as identity
from wutong.identity.rules import Invitation, Permission
from wutong.kit import clock
from wutong.kit.database import Database

CHANNELS = (ended.CHANNEL, billing.CHANNEL, "centre_maintenance")
BATCH = 100


class Notifier:
    """Asks each source in turn, each in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def step(self) -> bool:
        """Tell a batch of each source; says whether there may be more."""
        sources: Sequence[Callable[[Session], int]] = (tell_jobs, tell_warnings, tell_invitations, tell_maintenance)
        more = False
        for source in sources:
            with self._database.session() as session:
                more |= source(session) >= BATCH
        if not more:
            with self._database.session() as session:
                more = store.sweep(session, clock.now() - KEEP, BATCH) >= BATCH
        return more


def tell_jobs(session: Session) -> int:
    """Tell whoever submitted them of jobs that ended."""
    found = ended.take_ended_jobs(session, limit=BATCH)
    tell(session, [_of_job(job) for job in found])
    return len(found)


def tell_warnings(session: Session) -> int:
    """Tell of balances and budgets: those who may spend, or the person whose budget or job it is."""
    found = billing.take_untold_notices(session, limit=BATCH)
    payers = identity.members_who_may(session, {warning.tenant_id for warning in found}, Permission.MONEY_SPEND)
    tell(session, [_of_warning(warning, payers[warning.tenant_id]) for warning in found])
    return len(found)


def tell_invitations(session: Session) -> int:
    """Tell people who are known here that they were invited; others have the mail alone."""
    found = identity.take_untold_invitations(session, limit=BATCH)
    tell(session, [fact for invitation in found if (fact := _of_invitation(session, invitation)) is not None])
    return len(found)


def tell_maintenance(session: Session) -> int:
    """Tell the users of a pool of what was announced, and of what was cancelled after they had been told."""
    windows, now = centre.list_all_maintenance(session, limit=BATCH), clock.now()
    told = store.were_told(session, [f"{each.id}:{what}" for each in windows for what in ("announced", "cancelled")])
    count = 0
    for window in windows:
        what = "announced" if window.cancelled_at is None else "cancelled"
        known = f"{window.id}:announced" in told
        if f"{window.id}:{what}" in told or (what == "announced" and not window.is_wanted(now)) or (what == "cancelled" and not known):
            continue
        if store.claim_told(session, f"{window.id}:{what}", now):
            tell(session, _of_window(session, window, what))
            count += 1
    return count


def _of_job(job: Job) -> Fact:
    facts = {"job_id": job.id, "job_name": job.name, "state": job.state.value, "cause": job.reason.value if job.reason else None}
    return Fact(NoticeKind.JOB_ENDED, f"job:{job.id}", job.tenant_id, [job.person_id], facts, about=job.person_id)


def _of_warning(warning: Warning_, payers: Sequence[str]) -> Fact:
    facts = {"level": warning.level, "left_fen": warning.left_fen, "job_id": warning.job_id, "period": warning.period.partition("/")[0]}
    key = f"warning:{warning.id}"
    if warning.kind is WarningKind.BALANCE:
        return Fact(NoticeKind.BALANCE, key, warning.tenant_id, payers, facts)
    people = [warning.person_id] if warning.person_id else payers
    what = warning.kind.value if warning.kind in {WarningKind.GRACE, WarningKind.STOPPED} else "person" if warning.person_id else "tenant"
    return Fact(NoticeKind.BUDGET, key, warning.tenant_id, people, {**facts, "what": what}, about=warning.person_id)


def _of_invitation(session: Session, invitation: Invitation) -> Fact | None:
    person = identity.find_person(session, invitation.email)
    if person is None:
        return None
    facts = {"tenant": invitation.tenant_name, "role": invitation.role.value}
    return Fact(NoticeKind.INVITATION, f"invitation:{invitation.id}", None, [person.id], facts)


def _of_window(session: Session, window: Window, what: str) -> list[Fact]:
    tenants = centre.pool_tenants(session, window.pool) | ended.tenants_waiting_for(session, window.pool)
    members = identity.members_who_may(session, tenants, Permission.JOB_READ)
    times = {"begins_at": window.begins_at.isoformat(), "ends_at": window.ends_at.isoformat()}
    facts = {"what": what, "pool": window.pool, "reason": window.reason, **times}
    return [
        Fact(NoticeKind.MAINTENANCE, f"{window.id}:{what}:{tenant_id}", tenant_id, people, facts) for tenant_id, people in sorted(members.items())
    ]
