"""Usage becomes charges once, exactly, at the price of its time; our faults are taken back; holds are let go when all is settled."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.compute import money as world

from wutong.centre.engines.protocol import EndReason
from wutong.compute.billing import service as billing
from wutong.compute.billing.rules import ChargeKind, Unrated
from wutong.compute.billing.settler import Settler
from wutong.compute.budgets import service as budgets
from wutong.compute.budgets.rules import month_of
from wutong.compute.catalogue import service as catalogue
from wutong.kit import clock
from wutong.kit.loops import drain
from wutong.ledger import service as ledger


def balance(database, tenant_id="ten_a"):
    with database.session() as session:
        return ledger.balance(session, tenant_id)


def assert_books_balance(database):
    with database.session() as session:
        assert ledger.check(session).problems == []


def lines(database, job_id="job_1"):
    with database.session() as session:
        return billing.bill_lines(session, world.member(), job_id).items


def test_a_job_is_held_charged_and_let_go(centre, settle):
    with centre.session() as session:
        run = world.start(session)
        world.use(session, run, clock.now(), 600_000, final=True)
    assert balance(centre).held_fen == 600
    settle()
    assert balance(centre).held_fen == 500
    with centre.session() as session:
        billing.attempt_ended(session, run, reason=EndReason.COMPLETED, our_fault=False)
        billing.close_job(session, "job_1")
    settle()
    now = balance(centre)
    assert (now.cash_fen, now.held_fen, now.debt_fen) == (99_900, 0, 0)
    cost = world.money(centre)
    assert (cost.amount_fen, cost.held_fen, cost.settled_at is not None) == (100, 0, True)
    assert_books_balance(centre)


def test_windows_that_grow_repeat_and_come_late_are_charged_once(centre, settle):
    begin = clock.now()
    with centre.session() as session:
        run = world.start(session)
        world.use(session, run, begin + world.minutes(1), 60_000)
        world.use(session, run, begin, 20_000)
    settle()
    with centre.session() as session:
        world.use(session, run, begin, 60_000)
        world.use(session, run, begin, 60_000, final=True)
    settle()
    assert settle() == 0
    assert world.money(centre).card_ms == 120_000
    assert world.money(centre).amount_fen == 20
    assert [(line.from_card_ms, line.to_card_ms) for line in lines(centre)] == [(0, 60_000), (0, 20_000), (20_000, 60_000)]
    assert_books_balance(centre)


def test_rounding_never_drifts(centre, settle):
    begin = clock.now()
    with centre.session() as session:
        run = world.start(session)
        for number in range(100):
            world.use(session, run, begin + world.minutes(number), 1_003)
    settle()
    assert world.money(centre).amount_fen == 100 * 1_003 * 600 // 3_600_000


def test_a_price_change_does_not_touch_what_happened(centre, settle, fake_clock):
    begin = clock.now()
    with centre.session() as session:
        run = world.start(session)
        world.use(session, run, begin, 60_000)
    fake_clock.advance(60)
    with centre.session() as session:
        catalogue.set_price(session, world.OPERATOR, "npu.1", 6_000)
        world.use(session, run, clock.now(), 60_000)
    settle()
    assert [line.amount_fen for line in lines(centre)] == [10, 100]


def test_what_cannot_be_priced_waits_and_is_rated_later(centre, settle, fake_clock):
    begin = clock.now()
    with centre.session() as session:
        run = world.start(session)
        world.use(session, run, begin - world.minutes(10), 60_000)
        world.use(session, "w-nobody-1", begin, 60_000)
        world.use(session, run, begin, 60_000)
    settle()
    with centre.session() as session:
        assert billing.count_unrated(session) == {Unrated.NO_PRICE: 1, Unrated.UNKNOWN_RUN: 1}
    assert world.money(centre).amount_fen == 10
    with centre.session() as session:
        world.hold(session, "job_late")
        billing.register_run(session, run_name="w-nobody-1", job_id="job_late", attempt=1)
    fake_clock.advance(30)
    settle()
    assert world.money(centre, "job_late").amount_fen == 10
    with centre.session() as session:
        assert billing.count_unrated(session) == {Unrated.NO_PRICE: 1}


def test_a_bad_record_does_not_stop_the_rest(centre, settle, fake_clock):
    begin = clock.now()
    with centre.session() as session:
        good, bad = world.start(session), world.start(session, "job_2")
        key = f"usage:{bad}:0:{int(begin.timestamp() * 1000)}:60000"
        ledger.top_up(session, tenant_id="ten_b", amount_fen=5, key=key, reference="somebody used our key")
        world.use(session, bad, begin, 60_000)
        world.use(session, good, begin, 60_000)
    settle()
    assert world.money(centre).amount_fen == 10
    assert world.money(centre, "job_2").card_ms == 0
    with centre.session() as session:
        assert billing.count_unrated(session) == {Unrated.REFUSED: 1}
    assert_books_balance(centre)


def test_our_fault_costs_nothing_also_what_comes_late(centre, settle):
    begin = clock.now()
    with centre.session() as session:
        run = world.start(session)
        world.use(session, run, begin, 600_000)
    settle()
    with centre.session() as session:
        billing.attempt_ended(session, run, reason=EndReason.NODE_LOST, our_fault=True)
    settle()
    with centre.session() as session:
        world.use(session, run, begin + world.minutes(10), 600_000, final=True)
        second = world.start(session, attempt=2)
        world.use(session, second, begin + world.minutes(20), 600_000, final=True)
        billing.attempt_ended(session, second, reason=EndReason.COMPLETED, our_fault=False)
        billing.close_job(session, "job_1")
    settle()
    kinds = [(line.kind, line.amount_fen) for line in lines(centre)]
    assert kinds == [(ChargeKind.USAGE, 100), (ChargeKind.REVERSAL, -100), (ChargeKind.WAIVED, 0), (ChargeKind.USAGE, 100)]
    now = balance(centre)
    assert (now.cash_fen, now.held_fen) == (99_900, 0)
    with centre.session() as session:
        month = month_of(begin)
        assert budgets.month_spend(session, tenant_id="ten_a", month=month).amount_fen == 100
        assert billing.bill(session, world.member(), month).items[0].reversed_fen == 100
    assert_books_balance(centre)


def test_a_start_that_the_centre_cut_short_costs_nothing_and_the_next_one_does(centre, settle):
    begin = clock.now()
    with centre.session() as session:
        run = world.start(session)
        world.use(session, run, begin, 600_000)
        world.use(session, run, begin + world.minutes(10), 600_000)
    settle()
    with centre.session() as session:
        world.use(session, run, begin + world.minutes(20), 300_000, final=True, fault=EndReason.NODE_LOST)
        world.use(session, run, begin + world.minutes(30), 600_000, restart=1, final=True)
    settle()
    with centre.session() as session:
        world.use(session, run, begin + world.minutes(21), 60_000)  # late, of the lost start
        billing.attempt_ended(session, run, reason=EndReason.COMPLETED, our_fault=False)
        billing.close_job(session, "job_1")
    settle()
    shown = [(line.restart, line.kind, line.amount_fen, line.reason) for line in lines(centre)]
    assert sorted(shown) == sorted(
        [
            (0, ChargeKind.USAGE, 100, ""),
            (0, ChargeKind.USAGE, 100, ""),
            (0, ChargeKind.WAIVED, 0, EndReason.NODE_LOST),
            (0, ChargeKind.REVERSAL, -100, EndReason.NODE_LOST),
            (0, ChargeKind.REVERSAL, -100, EndReason.NODE_LOST),
            (0, ChargeKind.WAIVED, 0, EndReason.NODE_LOST),
            (1, ChargeKind.USAGE, 100, ""),
        ]
    )
    now, cost = balance(centre), world.money(centre)
    assert (now.cash_fen, now.held_fen) == (99_900, 0)
    assert (cost.amount_fen, cost.settled_at is not None) == (100, True)
    assert_books_balance(centre)


def test_usage_beyond_hold_and_cash_becomes_debt_and_blocks_new_starts(centre, settle):
    with centre.session() as session:
        world.top_up(session, 600, "ten_poor")
        run = world.start(session, tenant_id="ten_poor")
        assert billing.money_blocks(session, tenant_id="ten_poor", person_id="per_a") is None
        world.use(session, run, clock.now(), 2 * 3_600_000)
    settle()
    now = balance(centre, "ten_poor")
    assert (now.cash_fen, now.held_fen, now.debt_fen) == (0, 0, 600)
    with centre.session() as session:
        assert "owes" in billing.money_blocks(session, tenant_id="ten_poor", person_id="per_a")
    assert_books_balance(centre)


def test_the_hold_stays_until_the_last_usage_came_or_nobody_waits_any_more(centre, settle, fake_clock):
    with centre.session() as session:
        run = world.start(session)
        billing.attempt_ended(session, run, reason=EndReason.COMPLETED, our_fault=False)
        billing.close_job(session, "job_1")
    settle()
    assert balance(centre).held_fen == 600
    fake_clock.advance(11 * 60)
    settle()
    assert balance(centre).held_fen == 0
    with centre.session() as session:
        world.use(session, run, clock.now(), 60_000, final=True)
    settle()
    assert balance(centre).cash_fen == 99_990
    assert_books_balance(centre)


def test_a_waiting_job_that_is_cancelled_gets_its_money_back_at_once(centre):
    with centre.session() as session:
        world.hold(session)
        billing.close_job(session, "job_1", at_once=True)
    assert balance(centre).held_fen == 0
    assert world.money(centre).settled_at is not None


def test_closing_what_billing_never_knew_is_nothing(centre, settle):
    with centre.session() as session:
        billing.close_job(session, "job_parent_of_an_array")
    assert settle() == 0


def test_a_settler_that_dies_before_commit_repeats_nothing(centre, settle, monkeypatch):
    with centre.session() as session:
        run = world.start(session)
        world.use(session, run, clock.now(), 600_000)

    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(budgets, "add_spend", die)
        with pytest.raises(Killed):
            Settler(centre).step()
    assert world.money(centre).amount_fen == 0
    settle()
    assert world.money(centre).amount_fen == 100
    assert_books_balance(centre)


def test_two_settlers_at_once_charge_once(centre):
    with centre.session() as session:
        run = world.start(session)
        for number in range(20):
            world.use(session, run, clock.now() + world.minutes(number), 60_000)
    one, other = Settler(centre, batch=5), Settler(centre, batch=3)
    while one.step() | other.step():
        pass
    assert world.money(centre).amount_fen == 200


def test_charges_are_never_changed(centre, settle):
    with centre.session() as session:
        run = world.start(session)
        world.use(session, run, clock.now(), 600_000)
    settle()
    for statement in (
        "UPDATE compute_charge SET amount_fen = 0",
        "DELETE FROM compute_charge",
        "DELETE FROM compute_price",
        "TRUNCATE compute_price CASCADE",
    ):
        with pytest.raises(DBAPIError, match="only ever added to"), centre.session() as session:
            session.execute(text(statement))


def test_the_bill_adds_up_and_is_the_tenants_alone(centre, settle):
    with centre.session() as session:
        for number in range(3):
            run = world.start(session, f"job_{number}")
            world.use(session, run, clock.now(), 600_000 * (number + 1))
    settle()
    month = month_of(clock.now())
    with centre.session() as session:
        found = billing.bill(session, world.member(), month)
        assert [(item.job_id, item.amount_fen, item.windows) for item in found.items] == [("job_2", 300, 1), ("job_1", 200, 1), ("job_0", 100, 1)]
        assert found.total_fen == 600 == sum(line.amount_fen for line in billing.bill_rows(session, world.member(), month))
        stranger = world.member("ten_b", "per_b")
        assert billing.bill(session, stranger, month).items == []
        with pytest.raises(Exception, match="There is no job job_0"):
            billing.bill_lines(session, stranger, "job_0")


def test_every_charge_links_usage_price_and_entry(centre, settle):
    with centre.session() as session:
        run = world.start(session)
        world.use(session, run, clock.now(), 600_000)
    settle()
    line = lines(centre)[0]
    with centre.session() as session:
        price = catalogue.price_at(session, "npu.1", clock.now())
        entry = ledger.statement(session, "ten_a", since=clock.now() - world.minutes(1), until=clock.now() + world.minutes(1)).items[-1]
    assert (line.price_id, line.fen_per_card_hour) == (price.id, 600)
    assert (entry.transfer_key, entry.amount_fen, entry.cause_id) == (line.transfer_key, -100, "job_1")
    assert line.usage_seq == 1


def test_a_full_drain_of_an_idle_settler_is_no_work(centre):
    assert drain(Settler(centre).step) == 0
