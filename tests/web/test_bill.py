"""The bill: months, the way from a line to the engine's record, the statement, usage over time, budgets, tables to take away."""

import csv
import io
import re
from datetime import timedelta

import pytest
from tests.web.conftest import Portal, statements
from tests.web.money import charge_job

from wutong.compute.budgets.rules import month_of
from wutong.identity import service as identity
from wutong.kit import clock
from wutong.ledger import service as ledger
from wutong.ledger.rules import CENTRE, AccountKey, AccountKind, Terms
from wutong.web import sheet
from wutong.web.bill import export
from wutong.web.months import read_month

PAGES = ("/bill", "/bill/statement", "/bill/usage", "/bill/usage?by=project", "/bill/usage?by=flavour", "/bill/budgets", "/bill/warnings")
NASTY = "=1+1 <script>alert(1)</script> 武汉"


def table(text: str) -> list[list[str]]:
    assert text.startswith("\ufeff")
    assert text.endswith("\r\n")
    return list(csv.reader(io.StringIO(text[1:])))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_opens_in_both_languages_with_few_statements(portal, language):
    browser = portal.browser("viewer", language)
    for path in PAGES:
        browser.get(path)
    made = [charge_job(portal, f"train {number}") for number in range(3)]
    for path in (*PAGES, f"/bill/jobs/{made[0].job_id}", f"/bill/jobs/{made[0].job_id}/records/{made[0].run_name}"):
        with statements(portal) as seen:
            browser.get(path)
        assert len(seen) <= 12, (path, len(seen), seen)


def test_only_members_see_their_bill(portal):
    made = charge_job(portal)
    portal.browser().get("/bill", status=303)
    portal.browser("operator").get("/bill", status=403)
    stranger = portal.browser("stranger")
    assert made.job_id not in stranger.get("/bill").text
    for path in (f"/bill/jobs/{made.job_id}", f"/bill/jobs/{made.job_id}/records/{made.run_name}"):
        stranger.get(path, status=404)
        portal.browser("colleague").get(path)


def test_a_line_leads_to_its_windows_and_those_to_the_record(portal):
    made = charge_job(portal)
    browser = portal.browser("owner")
    page = browser.get("/bill").text
    assert f'href="/bill/jobs/{made.job_id}"' in page
    assert "¥6.00" in page
    page = browser.get(f"/bill/jobs/{made.job_id}").text
    assert page.count("¥3.00") >= 2
    record = f"/bill/jobs/{made.job_id}/records/{made.run_name}"
    assert f'href="{record}"' in page
    assert "1,800.000" in browser.get(record).text
    browser.get(f"/bill/jobs/{made.job_id}/records/somebody-elses", status=404)


def test_the_statement_shows_causes_and_the_balance_after(portal):
    made = charge_job(portal)
    page = portal.browser("owner").get("/bill/statement").text
    assert f'href="/bill/jobs/{made.job_id}"' in page
    assert 'href="/buy/top-up"' in page
    assert "¥9,999,994.00" in page
    assert "No transactions in this period" in portal.browser("owner").get("/bill/statement?since=2020-01-01&until=2020-01-31").text


@pytest.mark.parametrize(
    "path",
    [
        "/bill?month=never",
        "/bill?month=2026-13",
        "/bill/usage?month=1",
        "/bill/statement?since=x",
        "/bill/statement?since=2026-02-01&until=2026-01-01",
    ],
)
def test_nonsense_in_the_address_is_told(portal, path):
    assert "Please check the form" in portal.browser("owner").get(path, status=422).text


def test_usage_is_drawn_and_told_apart(portal):
    charge_job(portal)
    charge_job(portal, who="colleague")
    browser = portal.browser("owner")
    page = browser.get("/bill/usage").text
    assert "colleague" in page
    assert page.count('<rect class="s1"') >= 2
    assert "alpha" in browser.get("/bill/usage?by=project").text
    assert "cpu.1" in browser.get("/bill/usage?by=flavour").text


def test_a_budget_is_set_shown_and_removed(portal):
    browser = portal.browser("owner")
    browser.get("/bill/budgets")
    browser.send("/bill/budgets", {"limit": "1,000", "person_id": ""})
    browser.send("/bill/budgets", {"limit": "10", "person_id": portal.people["colleague"].person_id})
    page = browser.get("/bill/budgets").text
    assert "¥1,000.00" in page
    assert "¥10.00" in page
    assert "Budget of this month" in browser.get("/bill").text
    browser.send("/bill/budgets/remove", {"person_id": ""})
    assert "¥1,000.00" not in browser.get("/bill/budgets").text
    browser.send("/bill/budgets/remove", {"person_id": ""}, status=404)


def test_a_wrong_limit_is_told_and_stays(portal):
    browser = portal.browser("owner")
    browser.get("/bill/budgets")
    page = browser.send("/bill/budgets", {"limit": "lots", "person_id": ""}, status=422).text
    assert 'role="alert"' in page
    assert 'value="lots"' in page


def test_a_strangers_person_gets_no_budget(portal):
    browser = portal.browser("owner")
    browser.get("/bill/budgets")
    browser.send("/bill/budgets", {"limit": "1", "person_id": portal.people["stranger"].person_id}, status=404)


def test_members_may_look_at_budgets_and_not_change_them(portal):
    browser = portal.browser("colleague")
    assert 'action="/bill/budgets"' not in browser.get("/bill/budgets").text
    browser.send("/bill/budgets", {"limit": "1"}, status=403)


def test_the_bill_is_taken_away_as_a_table(portal, monkeypatch):
    monkeypatch.setattr(export, "MAX_LIMIT", 2)
    made = [charge_job(portal, NASTY), charge_job(portal, "second")]
    answer = portal.browser("owner").get(f"/bill/export?month={month_of(clock.now())}")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    rows = table(answer.text)
    assert rows[0][0] == "Month"
    assert [row[1] for row in rows[1:]] == [made[0].job_id] * 2 + [made[1].job_id] * 2
    assert {row[2] for row in rows[1:]} == {"'" + NASTY, "second"}
    assert sum(float(row[12]) for row in rows[1:]) == 12.0
    assert table(portal.browser("stranger").get("/bill/export").text) == [rows[0]]


def test_the_statement_is_taken_away_as_a_table(portal):
    charge_job(portal)
    rows = table(portal.browser("owner", "zh").get("/bill/statement/export").text)
    assert len(rows) == 4
    assert float(rows[1][6]) == 10_000_000
    assert float(rows[-1][7]) == 9_999_994


def test_tables_are_for_members_only(portal):
    assert portal.browser().get("/bill/export", status=303).headers["location"].startswith("/sign-in")
    portal.browser("operator").get("/bill/export", status=403)
    portal.browser("owner").get("/bill/export?month=x", status=422)


def test_text_that_a_spreadsheet_would_run_is_text():
    cells = ["=cmd", "+1", "-1", "@x", "\tx", "plain", 'with "quotes"', "a,b", -5, 1.5, None]
    read = next(csv.reader(io.StringIO(sheet.line(cells))))
    assert read == ["'=cmd", "'+1", "'-1", "'@x", "'\tx", "plain", 'with "quotes"', "a,b", "-5", "1.50", ""]


def test_names_stay_text(portal):
    made = charge_job(portal, NASTY)
    browser = portal.browser("owner")
    for path in ("/bill", f"/bill/jobs/{made.job_id}", "/bill/statement"):
        page = browser.get(path).text
        assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in browser.get("/bill").text


def test_months_lead_to_each_other(portal):
    now = clock.now()
    shown = read_month("", now)
    assert shown.name == month_of(now)
    assert shown.after == ""
    older = read_month("2024-03", now)
    assert (older.before, older.after) == ("2024-02", "2024-04")


def test_the_bill_comes_in_pages(portal):
    for number in range(3):
        charge_job(portal, f"train {number}", windows=1)
    browser = portal.browser("owner")
    older = re.search(r'rel="next" href="([^"]+)"', browser.get("/bill?limit=2").text).group(1).replace("&amp;", "&")
    assert browser.get(older).text.count('href="/bill/jobs/job_') == 1


def test_credits_are_listed_with_their_terms(portal: Portal):
    with portal.context.database.session() as session:
        owner = identity.authenticate(session, portal.people["owner"].secret)
        terms = Terms(valid_from=clock.now(), valid_until=clock.now() + timedelta(days=30), share_permille=300)
        payer = AccountKey(CENTRE, AccountKind.PROGRAMME, label="city")
        ledger.grant_credit(session, tenant_id=owner.tenant_id or "", payer=payer, amount=50_000, unit="fen", terms=terms, key="t:1", label="创新券")
    page = portal.browser("viewer").get("/bill").text
    assert "创新券" in page
    assert "30 %" in page
