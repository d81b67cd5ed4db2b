"""What each role of the centre reads of all tenants: jobs are for operators, books for finance, both for auditors, and totals for all."""

from collections.abc import Iterator

import pytest
from tests.api.callers import Door

from wutong.identity import service
from wutong.identity.roles import CentreRole

OPERATOR, FINANCE, SUBSIDY, AUDITOR = CentreRole.OPERATOR, CentreRole.FINANCE, CentreRole.SUBSIDY, CentreRole.AUDITOR
WHO_READS = {
    "/admin/jobs": {OPERATOR, AUDITOR},
    "/admin/ledger-check": {FINANCE, AUDITOR},
    "/admin/payments?tenant_id=ten_any": {FINANCE, AUDITOR},
    "/admin/usage-totals": set(CentreRole),
    "/admin/tenants": set(CentreRole),
    "/admin/capacity": set(CentreRole),
}


@pytest.fixture
def staffed(centre: Door) -> Iterator[Door]:
    """The door, with a person before it for each role of the centre who has no other."""
    with centre.context.database.session() as session:
        for role in CentreRole:
            made = service.create_operator(session, f"{role}@centre.example", role, "no password", roles=[role])
            someone = type(centre.people["owner"])(role, f"{role}@centre.example", made.id)
            someone.secret = service.open_session(session, made.id)[1]
            centre.people[role] = someone
    return centre


@pytest.mark.parametrize("path", WHO_READS)
def test_who_reads_what_of_all_tenants(staffed: Door, path: str):
    told = {role: staffed.call(role, "GET", path).status_code for role in CentreRole}
    assert told == {role: 200 if role in WHO_READS[path] else 403 for role in CentreRole}


def test_a_refusal_names_the_roles_that_may(staffed: Door):
    status, error = staffed.error(OPERATOR, "GET", "/admin/ledger-check")
    assert (status, error["code"]) == (403, "centre_only")
    assert error["message"] == "Your role does not allow this (centre.books). It is for people of the centre with the role finance or auditor."


def test_a_token_made_for_less_says_so(staffed: Door):
    made = staffed.ok("owner", "POST", "/tokens", json={"name": "ci", "scopes": ["job.read"]})
    staffed.people["ci"] = type(staffed.people["owner"])("ci", "", secret=made["secret"])
    assert staffed.call("ci", "GET", "/jobs").status_code == 200
    status, error = staffed.error("ci", "GET", "/balance")
    assert (status, error["code"]) == (403, "out_of_scope")


def test_nobody_gives_a_role_to_themselves(staffed: Door):
    status, error = staffed.error(OPERATOR, "PUT", "/admin/roles", json={"email": f"{OPERATOR}@centre.example", "role": "auditor"})
    assert (status, error["code"]) == (403, "own_role")
