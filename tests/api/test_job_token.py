"""The token a job finds: good for what a job needs, while its run lives, and for nothing else."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from wutong.identity.service import issue_job_token
from wutong.kit import clock


@pytest.fixture
def run(centre):
    """The present attempt of a running job of the owner's tenant, and its token."""
    owner = centre.people["owner"]
    job_id, name = "job_06h000000000000000aa", "wutong-job_06h000000000000000aa-1"
    with centre.context.database.session() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        columns = {"id": job_id, "tenant_id": owner.tenant_id, "person_id": owner.person_id, "at": clock.now()}
        session.execute(text(_JOB), columns)
        session.execute(text(_ATTEMPT), {"name": name, "id": job_id, "at": clock.now()})
    return name, issue_job_token(centre.context.settings.key_file, name, owner.tenant_id, owner.person_id, clock.now() + timedelta(hours=1))


_JOB = """INSERT INTO compute_job (id, tenant_id, person_id, name, state, detail, request, flavour, pool, cards, inputs, attempt, tries_used,
    free_used, setbacks, next_at, metrics, labels, created_at)
    VALUES (:id, :tenant_id, :person_id, 'x', 'running', '', '{"name": "x", "command": "true",
    "flavour": "cpu.1"}', 'cpu.1', 'local', 1, '[]', 1, 0, 0, 0, :at, '{}', '{}', :at)"""
_ATTEMPT = """INSERT INTO compute_attempt (run_name, job_id, number, detail, restart, ours, requested_at)
    VALUES (:name, :id, 1, '', 0, false, :at)"""


def asks(centre, token, method, path, **more):
    return centre.http.request(method, path, headers={"Authorization": f"Bearer {token}"}, **more).status_code


def test_it_reads_and_pushes_data_and_does_not_spend(centre, run):
    _, token = run
    assert asks(centre, token, "GET", "/api/v1/repos") == 200
    assert asks(centre, token, "POST", "/api/v1/repos", json={"kind": "dataset", "name": "from-a-job"}) == 201
    assert asks(centre, token, "GET", "/api/v1/balance") == 403
    assert asks(centre, token, "POST", "/api/v1/tokens", json={"name": "more"}) == 403
    assert asks(centre, token, "POST", "/api/v1/jobs", json={"name": "again", "command": "true"}) == 403


def test_it_dies_with_its_run(centre, run):
    name, token = run
    with centre.context.database.session() as session:
        session.execute(text("UPDATE compute_attempt SET ended_at = now() WHERE run_name = :name"), {"name": name})
    assert asks(centre, token, "GET", "/api/v1/repos") == 401


def test_it_dies_with_its_persons_membership(centre, run):
    _, token = run
    with centre.context.database.session() as session:
        session.execute(text("DELETE FROM identity_membership WHERE person_id = :id"), {"id": centre.people["owner"].person_id})
    assert asks(centre, token, "GET", "/api/v1/repos") == 401
