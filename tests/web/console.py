"""Who stands before the console in its tests, and what they see it by."""

from typing import Any

import pytest
from sqlalchemy import text
from tests.api.callers import Someone
from tests.web.conftest import Portal

from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.requests import JobRequest
from wutong.compute.jobs.rules import Job
from wutong.identity import service as identity
from wutong.identity.rules import CentreRole, Principal
from wutong.ledger import service as ledger

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>\u202e训练'


ROLES = {
    "plain": {CentreRole.OPERATOR},
    "finance": {CentreRole.FINANCE},
    "subsidy": {CentreRole.SUBSIDY},
    "auditor": {CentreRole.AUDITOR},
}


@pytest.fixture
def staffed(portal: Portal) -> Portal:
    """The portal with one more person for each role of the centre."""
    with portal.context.database.session() as session:
        for name, roles in ROLES.items():
            person = identity.create_operator(session, f"{name}@centre.example", name, "x", roles)
            secret = identity.open_session(session, person.id)[1]
            portal.people[name] = Someone(name, person.email, person.id, None, secret)
    return portal


def someone(portal: Portal, session: Any, name: str) -> Principal:
    return identity.authenticate(session, portal.people[name].secret or "")


def submitted(portal: Portal, who: str = "owner", **more: Any) -> Job:
    request = JobRequest(**{"name": "train", "command": "echo s3cret-words", "flavour": "cpu.1", **more})
    with portal.context.database.session() as session:
        return jobs.submit_job(session, someone(portal, session, who), request, limits=portal.context.job_limits)


def cash(portal: Portal, name: str = "owner") -> int:
    with portal.context.database.session() as session:
        return ledger.balance(session, portal.people[name].tenant_id or "").cash_fen


def trail(portal: Portal) -> list[str]:
    with portal.context.database.session() as session:
        return list(session.scalars(text("SELECT action FROM identity_audit ORDER BY id")))
