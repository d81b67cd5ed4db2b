"""What was earned, by pocket: money, vouchers, debt, orders; less what was taken back, inside the span only."""

from datetime import timedelta

from wutong.kit import clock
from wutong.ledger import service as ledger
from wutong.ledger.rules import AccountKey, AccountKind, Terms, Transfer


def earned(session, **span):
    now = clock.now()
    found = ledger.income(session, span.get("since", now - timedelta(hours=1)), span.get("until", now + timedelta(hours=1)))
    return {each.pocket: each.amount_fen for each in found}


def hold(session, amount, key):
    return ledger.place_hold(session, tenant_id="t", key=key, amount=amount, cause_kind="job", cause_id="j")


def charge(session, amount, key, on):
    ledger.capture(session, on, transfer_key=key, amount=amount, at=clock.now(), memo="m", cause_kind="job", cause_id="j")


def test_every_pocket_is_told_apart_and_what_was_taken_back_is_not_earned(session):
    now = clock.now()
    assert earned(session) == {}
    ledger.top_up(session, tenant_id="t", amount_fen=1000, key="top", reference="B", memo="")
    terms = Terms(now, now + timedelta(days=30), 1000)
    payer = AccountKey("centre", AccountKind.PROGRAMME)
    ledger.grant_credit(session, tenant_id="t", payer=payer, amount=300, unit="fen", terms=terms, key="g", label="V")
    hold(session, 500, "h")
    charge(session, 400, "u1", "h")
    assert earned(session) == {AccountKind.CREDIT: 300, AccountKind.CASH: 100}
    charge(session, 950, "u2", "h")
    assert earned(session) == {AccountKind.CREDIT: 300, AccountKind.CASH: 1000, AccountKind.RECEIVABLE: 50}
    ledger.reverse(session, "u1", new_key="back", reason="ours", who_name="x")
    assert sum(earned(session).values()) == 950
    orders, revenue = AccountKey("centre", AccountKind.DEFERRED), AccountKey("centre", AccountKind.REVENUE)
    ledger.post(session, [Transfer("o", orders, revenue, 70, "order", "o1", "m", now)])
    assert earned(session)[AccountKind.DEFERRED] == 70
    assert earned(session, since=now + timedelta(hours=1), until=now + timedelta(hours=2)) == {}


def test_months_are_added_up_from_the_index_alone(session):
    from sqlalchemy import text

    from wutong.ledger.income import _INCOME

    session.execute(text("SET LOCAL enable_seqscan = off"))
    values = {"centre": "centre", "revenue": "revenue", "unit": "fen", "since": clock.now(), "until": clock.now()}
    plan = "\n".join(session.scalars(text(f"EXPLAIN {_INCOME.text}"), values))
    assert "using ix_ledger_transfer_earned on ledger_transfer" in plan
