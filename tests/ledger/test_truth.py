"""What the database itself refuses, whoever asks."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from wutong.kit import clock
from wutong.ledger import service as ledger
from wutong.ledger.rules import AccountKey, AccountKind, InsufficientFunds, KeyReused, Transfer


@pytest.fixture
def used(database):
    """A ledger with something in every table."""
    with database.session() as session:
        ledger.top_up(session, tenant_id="t", amount_fen=500, key="top", reference="r")
        ledger.place_hold(session, tenant_id="t", key="h", amount=200, cause_kind="job", cause_id="j")
        ledger.capture(session, "h", transfer_key="u", amount=50, at=clock.now(), memo="m", cause_kind="job", cause_id="j")
    return database


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_transfer SET amount = amount + 1",
        "DELETE FROM ledger_transfer",
        "TRUNCATE ledger_transfer CASCADE",
        "UPDATE ledger_account SET owner = 'x'",
        "DELETE FROM ledger_account",
        "TRUNCATE ledger_account CASCADE",
        "UPDATE ledger_balance SET amount = amount + 1",
        "DELETE FROM ledger_balance",
        "UPDATE ledger_hold_source SET remaining = 1",
        "UPDATE ledger_hold_source SET charged = 1",
        "UPDATE ledger_hold SET charged = 1",
        "DELETE FROM ledger_hold",
        "DELETE FROM ledger_hold_source",
    ],
)
def test_edits_are_refused(used, statement):
    with pytest.raises(DBAPIError, match="not allowed"), used.session() as session:
        session.execute(text(statement))
    with used.session() as session:
        assert ledger.check(session).ok


COLUMNS = "key, group_key, leg, kind, net, cause_kind, cause_id, memo, at, posted_at"
VALUES = "'x', 'x', 1, 'posting', 0, 'c', 'c', '', now(), now()"


@pytest.mark.parametrize(
    ("sides", "why"),
    [
        ("1, 1, 'fen', 5", "two_sides"),
        ("1, 2, 'fen', 0", "positive"),
        ("1, 2, 'fen', -5", "positive"),
        ("1, 2, 'card_second:npu', 5", "fk_ledger_transfer"),
        ("1, 999, 'fen', 5", "fk_ledger_transfer"),
    ],
)
def test_unbalanced_transfers_are_refused(used, sides, why):
    with pytest.raises(DBAPIError, match=why), used.session() as session:
        session.execute(text(f"INSERT INTO ledger_transfer ({COLUMNS}, from_account, to_account, unit, amount) VALUES ({VALUES}, {sides})"))


def test_an_overdraft_is_refused_also_by_hand(used):
    with used.session() as session:
        cash = session.execute(text("SELECT id FROM ledger_account WHERE owner = 't' AND kind = 'cash'")).scalar_one()
        bank = session.execute(text("SELECT id FROM ledger_account WHERE kind = 'bank'")).scalar_one()
    values = f"{VALUES}, {cash}, {bank}, 'fen', 301"
    with pytest.raises(DBAPIError, match="overdrawn"), used.session() as session:
        session.execute(text(f"INSERT INTO ledger_transfer ({COLUMNS}, from_account, to_account, unit, amount) VALUES ({values})"))


def test_caches_are_born_empty(used):
    with used.session() as session:
        session.execute(
            text(
                "INSERT INTO ledger_hold_source (hold_id, hold_account, source_account, position, label, share_permille, remaining, charged) "
                "SELECT 1, id, id, 9, '', 1000, 777, 777 FROM ledger_account WHERE kind = 'bank'"
            )
        )
        assert session.execute(text("SELECT remaining + charged FROM ledger_hold_source WHERE position = 9")).scalar_one() == 0


def test_the_check_finds_what_was_changed_past_the_guards(used):
    with used.session() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("UPDATE ledger_balance SET amount = amount + 1 WHERE sign = 1"))
        session.execute(text("UPDATE ledger_hold_source SET remaining = remaining + 2"))
        session.execute(text("UPDATE ledger_hold SET charged = 7"))
        session.execute(text("UPDATE ledger_transfer SET net = 0 WHERE kind = 'top_up'"))
    with used.session() as session:
        problems = ledger.check(session).problems
    assert len(problems) == 4, problems


def test_a_refused_batch_leaves_nothing_and_the_transaction_lives(database):
    cash, revenue = AccountKey("t", AccountKind.CASH), AccountKey("centre", AccountKind.REVENUE)
    now = clock.now()
    with database.session() as session:
        ledger.top_up(session, tenant_id="t", amount_fen=10, key="top", reference="r")
        with pytest.raises(InsufficientFunds) as caught:
            ledger.post(session, [Transfer(f"k{n}", cash, revenue, 6, "c", "c", "", now) for n in range(2)])
        assert (caught.value.params["needed_amount"], caught.value.params["available_amount"]) == (12, 10)
        assert ledger.post(session, [Transfer("k0", cash, revenue, 6, "c", "c", "", now)]) == 1
        assert ledger.post(session, [Transfer("k0", cash, revenue, 6, "c", "c", "", now + timedelta(days=1))]) == 0
        with pytest.raises(KeyReused):
            ledger.post(session, [Transfer("k2", cash, revenue, 1, "c", "c", "", now), Transfer("k0", cash, revenue, 5, "c", "c", "", now)])
        assert ledger.post(session, [Transfer("k0", cash, revenue, 6, "c", "c", "", now), Transfer("k3", cash, revenue, 4, "c", "c", "", now)]) == 1
    with database.session() as session:
        assert ledger.balance(session, "t").cash_fen == 0
        assert ledger.check(session).ok
