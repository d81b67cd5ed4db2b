"""Organisations, the centre's people and the audit trail at the console."""

import csv
import io

from tests.web.console import HOSTILE, someone

from wutong.identity import service as identity


def test_organisations_are_searched_and_paged(portal):
    browser = portal.browser("operator")
    assert "House of owner" not in browser.get("/console/tenants?search=stranger").text
    assert "Nothing found" in browser.get("/console/tenants?search=%25%25").text
    first = browser.get("/console/tenants?limit=1").text
    assert 'rel="next"' in first
    browser.get("/console/tenants/ten_none", status=404)


def test_an_organisation_is_suspended_with_a_reason_and_lifted(portal):
    browser, path = portal.browser("operator"), f"/console/tenants/{portal.people['owner'].tenant_id}"
    browser.get(path)
    browser.send(f"{path}/state", {"state": "suspended", "reason": ""}, status=422)
    browser.send(f"{path}/state", {"state": "suspended", "reason": "no licence"})
    assert "Suspended: no licence" in browser.get(path).text
    browser.send(f"{path}/state", {"state": "active"})
    assert "Suspended:" not in browser.get(path).text
    browser.send(f"{path}/quota", {"quota_gib": "-1"}, status=422)
    browser.send(f"{path}/quota", {"quota_gib": "200"})
    assert "200 GiB" in browser.get(path).text
    browser.send("/console/tenants/ten_none/quota", {"quota_gib": "1"}, status=404)


def test_roles_are_given_and_taken_and_nobody_gives_one_to_themselves(portal):
    browser = portal.browser("operator")
    browser.get("/console/staff")
    browser.send("/console/staff", {"email": portal.people["operator"].email, "role": "subsidy"}, status=403)
    browser.send("/console/staff", {"email": "nobody@example.cn", "role": "auditor"}, status=404)
    browser.send("/console/staff", {"email": portal.people["viewer"].email, "role": "king"}, status=422)
    browser.send("/console/staff", {"email": portal.people["viewer"].email, "role": "auditor"})
    assert portal.people["viewer"].email in browser.get("/console/staff").text
    browser.send("/console/staff/revoke", {"person_id": portal.people["viewer"].person_id, "role": "auditor"})
    assert portal.people["viewer"].email not in browser.get("/console/staff").text


def test_the_trail_is_searched_and_shows_what_changed(portal):
    browser = portal.browser("operator")
    browser.send("/console/pools/local/state", {"state": "draining", "reason": HOSTILE}, on="/console/nodes")
    page = browser.get("/console/audit?action=pool.state").text
    assert "<del>open</del>" in page
    assert "<ins>draining</ins>" in page
    assert "<script>alert" not in page
    assert "tenant.register" not in page
    assert "tenant.register" in browser.get(f"/console/audit?tenant={portal.people['owner'].tenant_id}").text
    assert "Nothing found" in browser.get("/console/audit?until=2020-01-01T00:00").text
    browser.get("/console/audit?since=yesterday", status=422)
    assert 'rel="next"' in browser.get("/console/audit?limit=1").text


def test_the_trail_as_a_table_is_no_formula(portal):
    browser = portal.browser("operator")
    browser.send("/console/offers/end", {"name": "x"}, status=404, on="/console/prices")
    with portal.context.database.session() as session:
        identity.audit(session, someone(portal, session, "operator"), "test", kind="x", id="=1+1", before={"a": '"quoted", 武汉'})
    answer = browser.get("/console/audit.csv?action=test")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert rows[0][0] == "at"
    assert rows[1][8] == "'=1+1"
    assert "武汉" in rows[1][9]
    assert len(rows) == 2
