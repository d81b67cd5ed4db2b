"""The month report as a document and as a table: its figures are the database's, names are text, and a month without any is honest."""

import csv
import io
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import text
from tests.api.callers import Someone
from tests.web.conftest import Browser, Portal
from tests.web.money import charge_job

from wutong.centre.rules import Accelerator, Device, Slot
from wutong.compute.budgets.rules import month_bounds, month_of
from wutong.compute.jobs.rules import JobState
from wutong.identity import service as identity
from wutong.identity.rules import CentreRole
from wutong.kit import clock
from wutong.web import typeset as typesetting
from wutong.web import words
from wutong.web.console import monthly, paper, pictures
from wutong.web.console.monthly import MonthReport, Tenant
from wutong.web.typeset import DocumentBusy, DocumentFailed, typeset

HOSTILE = ('#panic("x") *b* _i_ $x^2$ @ref <lab>', "`raw` [content] \\u{41} // c", '= head #read("/etc/passwd")', "喆垚（昇腾）<b>&amp;")
BEGINS, ENDS = month_bounds("2026-10")
NPU = Accelerator("npu", "x", 320.0, 32, Device.NPU)
CPU = Accelerator("cpu", "x", 1.0, 0, Device.CPU)
HOUR_MS = 3_600_000


def slots() -> list[Slot]:
    """Two days: 10 NPU cards half used, 20 CPU cards idle."""
    at = [BEGINS + timedelta(hours=hour) for hour in range(48)]
    return [slot for hour in at for slot in (Slot(hour, "a", 5 * HOUR_MS, 10 * HOUR_MS), Slot(hour, "b", 0, 20 * HOUR_MS))]


def report(found: list[Slot], **more: Any) -> MonthReport:
    about: dict[str, Any] = {
        "month": "2026-10",
        "begins": BEGINS,
        "ends": ENDS,
        "until": ENDS,
        "days": monthly.days_of(found, {"a": NPU, "b": CPU}, BEGINS, ENDS),
        "kinds": monthly.kinds_of(found, {"a": NPU, "b": CPU}),
        "by_hour": monthly.hours_of(found, BEGINS, ENDS),
        "ended": {},
        "served": 0,
        "income": None,
        **dict.fromkeys(("machines", "tenants", "waits", "faults", "windows", "accuracy"), ()),
    }
    return MonthReport(**{**about, **more})


def text_of(pdf: bytes) -> str:
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages))


def made(of: MonthReport, language: str = "en") -> str:
    values = paper.document_of(of, words.words_of(language), centre="Test", now=ENDS)
    return text_of(typeset("report.typ", values))


def test_hours_add_up_to_days_kinds_and_hours_of_the_day():
    found = report(slots())
    assert (found.days[0].share, found.days[2].share) == (pytest.approx(5 / 30), None)
    assert (found.days[1].pflops, found.days[1].capacity_pflops) == (pytest.approx(1.6), pytest.approx(3.22))
    assert [(kind.name, kind.card_seconds, kind.share) for kind in found.kinds] == [("npu", 5 * 48 * 3600, 0.5), ("cpu", 0, 0.0)]
    assert found.pflops == (pytest.approx(1.6), pytest.approx(3.22))
    assert len(found.by_hour) == 24
    assert [row.name for row in found.by_hour][:2] == ["00", "01"]
    assert {row.permille[:3] for row in found.by_hour} == {(166, 166, None)}


def test_what_people_wrote_is_text_in_the_document():
    found = made(report(slots(), tenants=tuple(Tenant(name, 3600, None) for name in HOSTILE)))
    assert all(name in found for name in HOSTILE)


def test_a_month_without_figures_says_so():
    found = made(report([]))
    assert "Nothing was counted in this month" in found
    assert "No job ended in this month." in found
    assert "Utilisation by day" not in found


def test_a_machine_with_an_awkward_name_spoils_no_picture():
    drawn = pictures.heat([[0, None]], ['</text><script>"&'], ["1"], row_height=12)
    assert "<script>" not in drawn
    row = monthly.Row('</text><script>"&', (0, 1000, None))
    assert "Machines by hour" in made(report(slots(), machines=(row,)))


def test_scales_end_above_what_they_show():
    for value in (0.0, 0.013, 0.5, 0.99, 1.0, 3.3, 8.01, 99.0, 264.0):
        assert value <= pictures._round_up(value) <= max(value * 10, 1.0)


def test_a_template_that_fails_tells_the_log_and_not_the_reader(capsys):
    with pytest.raises(DocumentFailed):
        typeset("report.typ", {"language": "en"})


def test_a_document_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(typesetting, "LONGEST_S", 0.001)
    with pytest.raises(DocumentFailed):
        made(report([]))
    monkeypatch.undo()
    assert "Nothing was counted" in made(report([]))


def test_documents_are_made_one_at_a_time(monkeypatch):
    monkeypatch.setattr(typesetting, "PATIENCE_S", 0)
    with typesetting._turn, pytest.raises(DocumentBusy):
        made(report([]))


def use(portal: Portal, at: datetime) -> None:
    """One tenant used the half of ten cards in an hour."""
    with portal.context.database.session() as session:
        tenant = portal.people["owner"].tenant_id
        row = {"at": at.replace(minute=0, second=0, microsecond=0), "tenant": tenant}
        session.execute(
            text("INSERT INTO centre_utilisation (hour, pool, node, tenant, card_ms) VALUES (:at, 'local', 'local', :tenant, 18000000)"), row
        )
        session.execute(text("INSERT INTO centre_capacity (hour, pool, node, card_ms) VALUES (:at, 'local', 'local', 36000000)"), row)


def plain_operator(portal: Portal) -> Browser:
    """Sign somebody in who runs the machines and does not read the books."""
    with portal.context.database.session() as session:
        person = identity.create_operator(session, "plain@centre.example", "plain", "x", {CentreRole.OPERATOR})
        secret = identity.open_session(session, person.id)[1]
    portal.people["plain"] = Someone("plain", person.email, person.id, None, secret)
    return portal.browser("plain")


def test_the_document_tells_what_the_database_holds(portal):
    now = clock.now()
    charged = charge_job(portal)
    with portal.context.database.session() as session:
        session.execute(
            text("UPDATE compute_job SET state = 'succeeded', started_at = created_at + interval '90 s', ended_at = :now WHERE id = :id"),
            {"now": now, "id": charged.job_id},
        )
        session.execute(
            text("INSERT INTO centre_node_event (pool, node, at, state, reason, by) VALUES ('local', 'local', :now, 'down', 'no #power', 'x')"),
            {"now": now},
        )
        earned = session.execute(text("SELECT sum(amount_fen) FROM compute_charge")).scalar_one()
        name = identity.tenant_names(session, {portal.people["owner"].tenant_id})[portal.people["owner"].tenant_id]
    use(portal, now - timedelta(hours=1))
    if month_of(now - timedelta(hours=1)) != month_of(now):
        pytest.skip("the month has just begun: its first hour is not over")
    answer = portal.browser("operator").get(f"/console/report/{month_of(now)}/pdf")
    assert answer.headers["content-type"] == "application/pdf"
    found = text_of(answer.content)
    assert "Utilisation 50.0 %" in found
    assert "This month is under way" in found
    assert name in found
    assert re.search(r"local 1 1 min 30 s 1 min 30 s", found)
    assert f"{JobState.SUCCEEDED.value} 1 100.0 %" in found
    assert "local / local 1 no #power" in found
    assert f"Usage, paid in money ¥{earned / 100:,.2f} 100.0 %" in found
    others = text_of(plain_operator(portal).get(f"/console/report/{month_of(now)}/pdf").content)
    assert "Utilisation 50.0 %" in others
    assert "¥" not in others
    assert "运营月报" in text_of(portal.browser("operator", "zh").get(f"/console/report/{month_of(now)}/pdf").content)


def test_the_table_has_a_line_for_each_day_and_pool(portal):
    at = clock.now() - timedelta(hours=2)
    use(portal, at)
    browser = portal.browser("operator")
    rows = list(csv.reader(io.StringIO(browser.get(f"/console/report/{month_of(at)}/csv").text.removeprefix("\ufeff"))))
    assert rows[0][:3] == ["Day", "Pool", "Kind of card"]
    mine = next(row for row in rows if row[0] == f"{at.astimezone(paper.BILL_ZONE):%Y-%m-%d}")
    assert (mine[1], mine[3]) == ("local", "5.00")
    assert f"/console/report/{month_of(at)}/pdf" in browser.get(f"/console/report/{month_of(at)}").text
    assert len(browser.get("/console/report/2020-01/csv").text.splitlines()) == 1


@pytest.mark.parametrize("kind", ["pdf", "csv"])
def test_only_the_centres_people_take_it_away(portal, kind):
    for who in ("owner", "stranger"):
        portal.browser(who).get(f"/console/report/2026-01/{kind}", status=403)
    assert portal.browser().get(f"/console/report/2026-01/{kind}", status=303).headers["location"].startswith("/sign-in")
    portal.browser("operator").get(f"/console/report/never/{kind}", status=422)
