"""Buying ahead: packages of card-hours and reserved days; and payments recorded by the centre's finance against bank references."""

from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.compute.billing.rules import package_unit
from wutong.compute.catalogue import service as catalogue
from wutong.compute.orders import moves, rules, store
from wutong.compute.orders.payments import list_all_payments, list_payments, record_refund, record_top_up
from wutong.compute.orders.proposals import (
    approve_payment,
    count_open_proposals,
    list_proposals,
    propose_payment,
    reject_payment,
    withdraw_payment,
)
from wutong.compute.orders.rules import (
    NoRoom,
    NotReservable,
    Order,
    OrderKeyUsed,
    OrderKind,
    OrderState,
    ReservationTerms,
)
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal, require, require_tenant
from wutong.kit import clock
from wutong.kit.errors import Invalid, NotFound
from wutong.kit.ids import new_id
from wutong.kit.paging import Page, PageRequest, cut
from wutong.ledger import service as ledger
from wutong.ledger.rules import CENTRE, AccountKey, AccountKind, Terms

__all__ = [
    "approve_payment",
    "buy_package",
    "cancel_order",
    "count_open_proposals",
    "free_cards",
    "get_order",
    "list_all_payments",
    "list_orders",
    "list_payments",
    "list_proposals",
    "list_reservation_terms",
    "propose_payment",
    "record_refund",
    "record_top_up",
    "reject_payment",
    "reserve",
    "set_reservation_terms",
    "withdraw_payment",
]


def buy_package(session: Session, who: Principal, offer: str, *, key: str | None = None) -> Order:
    """Buy a package on sale (by name or id) out of the tenant's cash. With the same `key` the first order is returned."""
    tenant_id = require_tenant(who, Permission.MONEY_SPEND)
    chosen = catalogue.get_offer(session, offer)
    now = clock.now()
    order_id, until = new_id("ord"), now + timedelta(days=chosen.validity_days)
    order = _new(
        order_id,
        key,
        who,
        tenant_id,
        OrderKind.PACKAGE,
        name=chosen.name,
        offer_id=chosen.id,
        accelerator=chosen.accelerator,
        card_seconds=chosen.card_hours * 3600,
        amount_fen=chosen.price_fen,
        valid_until=until,
        look_at=min(now + rules.PACKAGE_LOOK, until),
    )
    if not store.add_order(session, order):
        return _earlier(session, order)
    moves.pay(session, order)
    unit = package_unit(chosen.accelerator)
    issue = AccountKey(CENTRE, AccountKind.ISSUE, unit)
    terms = Terms(valid_from=now, valid_until=until)
    credit = ledger.grant_credit(
        session, tenant_id=tenant_id, payer=issue, amount=order.card_seconds, unit=unit, terms=terms, key=f"order:{order_id}", label=chosen.name
    )
    store.change(session, order, credit_id=credit.id)
    _audit_placed(session, who, order)
    return get_order(session, who, order_id)


def reserve(session: Session, who: Principal, *, pool: str, cards: int, first_day: date, last_day: date, key: str | None = None) -> Order:
    """Reserve cards of a pool for whole days (of Asia/Shanghai), from tomorrow on, out of the tenant's cash.

    On each day the tenant gets the reserved card time as package seconds for that pool, to be used until the day ends. Raises
    `NotReservable`, `NoRoom`, `InsufficientFunds`.
    """
    tenant_id = require_tenant(who, Permission.MONEY_SPEND)
    terms, most = _reservable(session, pool)
    days = _check_days(cards, first_day, last_day)
    order = _new(
        new_id("ord"),
        key,
        who,
        tenant_id,
        OrderKind.RESERVATION,
        name=f"{cards} cards of {pool}",
        accelerator=centre.get_pool(session, pool).accelerator,
        pool=pool,
        cards=cards,
        card_seconds=cards * len(days) * rules.DAY_SECONDS,
        first_day=first_day,
        last_day=last_day,
        amount_fen=cards * len(days) * terms.fen_per_card_day,
        valid_until=rules.day_bounds(last_day)[1],
        look_at=rules.day_bounds(first_day)[0],
    )
    if not store.add_order(session, order):
        return _earlier(session, order)
    for day in days:
        if not store.reserve_day(session, pool=pool, day=day, cards=cards, most=most):
            free = most - store.reserved_on(session, pool, day, day).get(day, 0)
            raise NoRoom(day=day.isoformat(), free=max(free, 0), pool=pool, cards=cards)
    moves.pay(session, order)
    _audit_placed(session, who, order)
    return order


def cancel_order(session: Session, who: Principal, order_id: str) -> Order:
    """Cancel a reservation before its first day; its whole price goes back to the tenant's cash."""
    tenant_id = require_tenant(who, Permission.MONEY_SPEND)
    order = store.find_order(session, order_id, tenant_id=tenant_id, lock=True)
    if order is None:
        raise NotFound(kind="order", id=order_id)
    moves.move(session, who, order, OrderState.CANCELLED, look_at=None, ended_at=clock.now())
    store.free_day(session, pool=order.pool or "", days=order.days, cards=order.cards)
    moves.pay_back(session, order, part="refund", amount_fen=order.amount_fen, memo=f"Cancelled: {order.name}")
    return get_order(session, who, order_id)


def get_order(session: Session, who: Principal, order_id: str) -> Order:
    """Return one of the tenant's orders; raises `NotFound`."""
    order = store.find_order(session, order_id, tenant_id=require_tenant(who, Permission.MONEY_READ))
    if order is None:
        raise NotFound(kind="order", id=order_id)
    return order


def list_orders(session: Session, who: Principal, page: PageRequest | None = None) -> Page[Order]:
    """Return the tenant's orders, the newest first."""
    page = page or PageRequest()
    return cut(store.list_orders(session, require_tenant(who, Permission.MONEY_READ), page.after, page.limit + 1), page)


def set_reservation_terms(session: Session, who: Principal, *, pool: str, fen_per_card_day: int, share_permille: int) -> ReservationTerms:
    """Offer a pool for reservation: the price of a card for a day, and the largest share of its cards that may be reserved."""
    require(who, Permission.CENTRE_OPERATE)
    centre.get_pool(session, pool)
    if not 0 <= fen_per_card_day <= 10**9:
        raise Invalid(field="fen_per_card_day", reason="Set a price from 0 to 1000000000 fen a card and day.")
    if not 0 <= share_permille <= 1000:
        raise Invalid(field="share_permille", reason="Set a share from 0 to 1000 permille.")
    terms = ReservationTerms(pool, fen_per_card_day, share_permille)
    store.put_terms(session, terms, who.person_id)
    after = {"fen_per_card_day": fen_per_card_day, "share_permille": share_permille}
    identity.audit(session, who, "reservation.terms", kind="pool", id=pool, after=after)
    return terms


def list_reservation_terms(session: Session) -> list[ReservationTerms]:
    """Return the terms of every pool that can be reserved."""
    return store.all_terms(session)


def free_cards(session: Session, pool: str, first_day: date, last_day: date) -> dict[date, int]:
    """Return how many cards of a pool can still be reserved on each day."""
    _, most = _reservable(session, pool)
    taken = store.reserved_on(session, pool, first_day, last_day)
    return {day: max(most - taken.get(day, 0), 0) for day in rules.days_between(first_day, last_day)[: rules.MOST_DAYS]}


def _new(
    order_id: str,
    key: str | None,
    who: Principal,
    tenant_id: str,
    kind: OrderKind,
    *,
    name: str,
    accelerator: str,
    card_seconds: int,
    amount_fen: int,
    valid_until: datetime,
    look_at: datetime,
    offer_id: str | None = None,
    pool: str | None = None,
    cards: int = 0,
    first_day: date | None = None,
    last_day: date | None = None,
) -> Order:
    return Order(
        id=order_id,
        key=key or order_id,
        tenant_id=tenant_id,
        person_id=who.person_id,
        kind=kind,
        state=OrderState.ACTIVE if kind is OrderKind.PACKAGE else OrderState.BOOKED,
        name=name,
        offer_id=offer_id,
        accelerator=accelerator,
        pool=pool,
        cards=cards,
        card_seconds=card_seconds,
        first_day=first_day,
        last_day=last_day,
        amount_fen=amount_fen,
        recognised_fen=0,
        credit_id=None,
        valid_until=valid_until,
        look_at=look_at,
        created_at=clock.now(),
        ended_at=None,
    )


def _earlier(session: Session, order: Order) -> Order:
    first = store.find_order_by_key(session, order.tenant_id, order.key)
    same = ("kind", "offer_id", "pool", "cards", "first_day", "last_day")
    if first is None or any(getattr(first, name) != getattr(order, name) for name in same):
        raise OrderKeyUsed(key=order.key)
    return first


def _audit_placed(session: Session, who: Principal, order: Order) -> None:
    after = {"kind": order.kind, "name": order.name, "amount_fen": order.amount_fen}
    identity.audit(session, who, "order.place", kind="order", id=order.id, tenant_id=order.tenant_id, after=after)


def _reservable(session: Session, pool: str) -> tuple[ReservationTerms, int]:
    offered = {terms.pool: terms for terms in store.all_terms(session)}
    if pool not in offered:
        raise NotReservable(pool=pool, pools=", ".join(offered) or "none")
    size = next((part.cards for part in centre.capacity(session).pools if part.pool == pool), 0)
    return offered[pool], size * offered[pool].share_permille // 1000


def _check_days(cards: int, first_day: date, last_day: date) -> list[date]:
    if cards < 1:
        raise Invalid(field="cards", reason="Reserve at least 1 card.")
    tomorrow = rules.today(clock.now()) + timedelta(days=1)
    if first_day < tomorrow:
        raise Invalid(field="first_day", reason=f"Reserve from {tomorrow.isoformat()} on.")
    if not 0 <= (last_day - first_day).days < rules.MOST_DAYS:
        raise Invalid(field="last_day", reason=f"Reserve 1 to {rules.MOST_DAYS} days; the last day is not before the first.")
    return rules.days_between(first_day, last_day)
