"""Packages, reserved days, and payments against bank references."""

from datetime import timedelta

import pytest
from tests.compute import money as world

from wutong.compute.billing.rules import package_unit
from wutong.compute.catalogue import service as catalogue
from wutong.compute.orders import service as orders
from wutong.compute.orders.keeper import Keeper
from wutong.compute.orders.rules import NoRoom, NotReservable, OrderKeyUsed, OrderStands, OrderState, ReferenceUsed, today
from wutong.identity import service as identity
from wutong.identity.rules import Role
from wutong.kit import clock
from wutong.kit.errors import Forbidden, Invalid, NotFound
from wutong.kit.loops import drain
from wutong.ledger import service as ledger
from wutong.ledger.rules import CENTRE, AccountKey, AccountKind, InsufficientFunds, Purpose

UNIT = package_unit("npu910")


@pytest.fixture
def centre(database, fake_clock):
    with database.session() as session:
        world.add_centre(session)
        world.top_up(session, 100_000)
        catalogue.offer_package(session, world.OPERATOR, name="100 hours", accelerator="npu910", card_hours=100, price_fen=50_000, validity_days=30)
        orders.set_reservation_terms(session, world.OPERATOR, pool="npu", fen_per_card_day=1_000, share_permille=500)
    return database


def account(database, kind, unit="fen"):
    with database.session() as session:
        assert ledger.check(session).problems == []
        return ledger.account_balance(session, AccountKey(CENTRE, kind, unit))


def free_seconds(database):
    with database.session() as session:
        return ledger.available(session, "ten_a", UNIT)


def a_tenant(session):
    tenant, _ = identity.register_tenant(
        session, name="Lab", credit_code="91350100M000100Y43", kind="university", person_name="Lin", email="lin@example.org", password_hash="x"
    )
    return tenant.id


def test_a_package_brings_card_seconds_and_unearned_money(centre):
    with centre.session() as session:
        order = orders.buy_package(session, world.member(), "100 hours")
    assert (order.state, order.amount_fen, order.card_seconds) == (OrderState.ACTIVE, 50_000, 360_000)
    assert free_seconds(centre) == 360_000
    assert account(centre, AccountKind.DEFERRED) == 50_000
    assert account(centre, AccountKind.REVENUE) == 0


def test_buying_with_the_same_key_buys_once(centre):
    with centre.session() as session:
        first = orders.buy_package(session, world.member(), "100 hours", key="k1")
    with centre.session() as session:
        assert orders.buy_package(session, world.member(), "100 hours", key="k1").id == first.id
    assert free_seconds(centre) == 360_000
    day = today(clock.now()) + timedelta(days=3)
    with pytest.raises(OrderKeyUsed), centre.session() as session:
        orders.reserve(session, world.member(), pool="npu", cards=1, first_day=day, last_day=day, key="k1")


def test_a_package_one_cannot_pay_leaves_nothing_behind(centre):
    with pytest.raises(InsufficientFunds), centre.session() as session:
        orders.buy_package(session, world.member("ten_poor"), "100 hours")
    with centre.session() as session:
        assert orders.list_orders(session, world.member("ten_poor")).items == []


def test_a_package_is_earned_as_it_is_used_and_whole_at_its_end(centre, fake_clock):
    keeper = Keeper(centre)
    with centre.session() as session:
        orders.buy_package(session, world.member(), "100 hours")
        ledger.place_hold(session, tenant_id="ten_a", key="h", amount=36_000, unit=UNIT, cause_kind="job", cause_id="j")
    fake_clock.advance(3601)
    drain(keeper.step)
    assert account(centre, AccountKind.REVENUE) == 5_000
    with centre.session() as session:
        ledger.release_hold(session, "h")
    fake_clock.advance(3601)
    drain(keeper.step)
    assert account(centre, AccountKind.REVENUE) == 0
    fake_clock.advance(31 * 86_400)
    drain(keeper.step)
    assert (account(centre, AccountKind.REVENUE), account(centre, AccountKind.DEFERRED)) == (50_000, 0)
    assert free_seconds(centre) == 0
    with centre.session() as session:
        assert orders.list_orders(session, world.member()).items[0].state is OrderState.ENDED


def test_reserved_days_bring_card_time_that_ends_with_the_day(centre, fake_clock):
    keeper = Keeper(centre)
    first = today(clock.now()) + timedelta(days=1)
    with centre.session() as session:
        order = orders.reserve(session, world.member(), pool="npu", cards=4, first_day=first, last_day=first + timedelta(days=1))
        assert orders.free_cards(session, "npu", first, first) == {first: 12}
    assert order.amount_fen == 8_000
    assert drain(keeper.step) == 0
    fake_clock.advance(86_400)
    drain(keeper.step)
    with centre.session() as session:
        assert ledger.available(session, "ten_a", UNIT) == 0
        purpose = Purpose("compute", "npu.1", "npu")
        assert ledger.available(session, "ten_a", UNIT, purpose) == 4 * 86_400
    assert account(centre, AccountKind.REVENUE) == 4_000
    fake_clock.advance(86_400)
    drain(keeper.step)
    with centre.session() as session:
        assert ledger.available(session, "ten_a", UNIT, purpose) == 4 * 86_400
    fake_clock.advance(86_400)
    drain(keeper.step)
    assert (account(centre, AccountKind.REVENUE), account(centre, AccountKind.DEFERRED)) == (8_000, 0)
    with centre.session() as session:
        assert orders.get_order(session, world.member(), order.id).state is OrderState.ENDED


def test_days_that_we_missed_are_paid_back(centre, fake_clock):
    first = today(clock.now()) + timedelta(days=1)
    with centre.session() as session:
        orders.reserve(session, world.member(), pool="npu", cards=1, first_day=first, last_day=first + timedelta(days=2))
    fake_clock.advance(3 * 86_400)
    drain(Keeper(centre).step)
    assert (account(centre, AccountKind.REVENUE), account(centre, AccountKind.DEFERRED)) == (1_000, 0)
    with centre.session() as session:
        assert ledger.balance(session, "ten_a").cash_fen == 99_000


def test_reservations_of_a_day_never_pass_the_pools_share(centre):
    first = today(clock.now()) + timedelta(days=1)
    with centre.session() as session:
        orders.reserve(session, world.member(), pool="npu", cards=10, first_day=first, last_day=first)
    with pytest.raises(NoRoom, match="only 6 cards"), centre.session() as session:
        orders.reserve(session, world.member(), pool="npu", cards=7, first_day=first - timedelta(days=0), last_day=first + timedelta(days=1))
    with pytest.raises(NoRoom), centre.session() as session:
        orders.reserve(session, world.member(), pool="npu", cards=17, first_day=first + timedelta(days=9), last_day=first + timedelta(days=9))
    with pytest.raises(NotReservable, match="Reservable are: npu"), centre.session() as session:
        orders.reserve(session, world.member(), pool="gpu", cards=1, first_day=first, last_day=first)
    with pytest.raises(Invalid, match="Reserve from"), centre.session() as session:
        orders.reserve(session, world.member(), pool="npu", cards=1, first_day=first - timedelta(days=1), last_day=first)


def test_a_reservation_is_cancelled_before_it_begins_only(centre, fake_clock):
    first = today(clock.now()) + timedelta(days=1)
    with centre.session() as session:
        order = orders.reserve(session, world.member(), pool="npu", cards=16, first_day=first, last_day=first)
    with pytest.raises(NotFound), centre.session() as session:
        orders.cancel_order(session, world.member("ten_b"), order.id)
    with centre.session() as session:
        assert orders.cancel_order(session, world.member(), order.id).state is OrderState.CANCELLED
        assert ledger.balance(session, "ten_a").cash_fen == 100_000
        again = orders.reserve(session, world.member(), pool="npu", cards=16, first_day=first, last_day=first)
    with pytest.raises(OrderStands), centre.session() as session:
        orders.cancel_order(session, world.member(), order.id)
    fake_clock.advance(86_400)
    drain(Keeper(centre).step)
    with pytest.raises(OrderStands, match="before its first day"), centre.session() as session:
        orders.cancel_order(session, world.member(), again.id)


def test_a_viewer_cannot_spend(centre):
    with pytest.raises(Forbidden), centre.session() as session:
        orders.buy_package(session, world.member(role=Role.VIEWER), "100 hours")


def test_a_top_up_counts_once_a_reference(centre):
    with centre.session() as session:
        tenant = a_tenant(session)
        first = orders.record_top_up(session, world.FINANCE, tenant_id=tenant, amount_fen=500, reference="ICBC 1")
        again = orders.record_top_up(session, world.FINANCE, tenant_id=tenant, amount_fen=500, reference="ICBC 1")
        assert first.id == again.id
        assert ledger.balance(session, tenant).cash_fen == 500
        with pytest.raises(ReferenceUsed):
            orders.record_top_up(session, world.FINANCE, tenant_id=tenant, amount_fen=501, reference="ICBC 1")
        assert [payment.id for payment in orders.list_payments(session, world.member(tenant)).items] == [first.id]


@pytest.mark.parametrize("amount", [0, -1, -(10**9), 10**16])
def test_a_top_up_of_nothing_or_less_is_refused(centre, amount):
    with centre.session() as session:
        tenant = a_tenant(session)
        with pytest.raises(Invalid):
            orders.record_top_up(session, world.FINANCE, tenant_id=tenant, amount_fen=amount, reference="r")
        assert ledger.balance(session, tenant).cash_fen == 0


def test_only_the_centres_finance_records_payments(centre):
    with centre.session() as session:
        tenant = a_tenant(session)
        for who in (world.member(tenant), world.OPERATOR):
            with pytest.raises(Forbidden):
                orders.record_top_up(session, who, tenant_id=tenant, amount_fen=1, reference="r")
        with pytest.raises(NotFound):
            orders.record_top_up(session, world.FINANCE, tenant_id="ten_none", amount_fen=1, reference="r")


def test_a_refund_gives_back_free_cash_only(centre):
    with centre.session() as session:
        tenant = a_tenant(session)
        orders.record_top_up(session, world.FINANCE, tenant_id=tenant, amount_fen=500, reference="in")
        orders.record_refund(session, world.FINANCE, tenant_id=tenant, amount_fen=200, reference="out")
        assert ledger.balance(session, tenant).cash_fen == 300
    with pytest.raises(InsufficientFunds), centre.session() as session:
        orders.record_refund(session, world.FINANCE, tenant_id=tenant, amount_fen=301, reference="out 2")
