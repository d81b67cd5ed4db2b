"""Reading all books: when they are due, what a reading finds, who may ask for one."""

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from wutong.compute.books import rules, service
from wutong.compute.books.reader import Reader
from wutong.identity.rules import Principal, Role, system_principal
from wutong.kit.clock import FakeClock
from wutong.kit.database import Database
from wutong.kit.errors import Forbidden
from wutong.ledger import service as ledger

FEN = 12_345


def test_books_are_read_once_a_day(database: Database, fake_clock: FakeClock):
    reader = Reader(database)
    assert reader.step()
    assert not reader.step()
    fake_clock.advance(rules.EVERY.total_seconds() - 1)
    assert not reader.step()
    fake_clock.advance(1)
    assert reader.step()


def test_a_reading_tells_what_the_accounts_hold_and_is_kept(session: Session):
    ledger.top_up(session, tenant_id="ten_1", amount_fen=FEN, key="top_up:1", reference="1")
    made = service.keep_reading(session, "system")
    assert (made.bank_fen, made.deferred_fen, made.revenue_fen, made.transfers, made.ok) == (FEN, 0, 0, 1, True)
    assert service.find_reading(session, system_principal("auditor")) == made


def test_what_does_not_add_up_is_found(session: Session):
    ledger.top_up(session, tenant_id="ten_1", amount_fen=FEN, key="top_up:1", reference="1")
    session.execute(text("SET LOCAL session_replication_role = replica"))
    session.execute(text("UPDATE ledger_balance SET amount = amount + 1"))
    reading = service.keep_reading(session, "system")
    assert not reading.ok
    assert str(FEN + 1) in reading.problems[0]


def test_only_who_keeps_the_books_reads_them(session: Session):
    nobody = Principal("per_1", "Nobody", "ten_1", Role.OWNER)
    for ask in (service.find_reading, service.read_books):
        with pytest.raises(Forbidden):
            ask(session, nobody)
