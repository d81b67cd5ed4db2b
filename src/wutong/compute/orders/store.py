"""All SQL of orders."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.compute.orders.rules import Order, OrderKind, OrderState, Payment, PaymentKind, ReservationTerms
from wutong.compute.orders.tables import OrderRow, PaymentRow, ReservationTermsRow, ReservedDayRow
from wutong.kit import clock


def add_order(session: Session, order: Order) -> bool:
    """Write an order down; False when the tenant's key was used before (waiting for whoever is using it now)."""
    added = insert(OrderRow).values(asdict(order)).on_conflict_do_nothing(index_elements=["tenant_id", "key"])
    return session.scalar(added.returning(OrderRow.id)) is not None


def find_order_by_key(session: Session, tenant_id: str, key: str) -> Order | None:
    """Return the order a tenant placed under a key."""
    row = session.scalar(select(OrderRow).where(OrderRow.tenant_id == tenant_id, OrderRow.key == key))
    return _order(row) if row else None


def find_order(session: Session, order_id: str, *, tenant_id: str | None = None, lock: bool = False) -> Order | None:
    """Return an order, of one tenant when given."""
    query = select(OrderRow).where(OrderRow.id == order_id)
    if tenant_id is not None:
        query = query.where(OrderRow.tenant_id == tenant_id)
    row = session.scalar((query.with_for_update() if lock else query).execution_options(populate_existing=True))
    return _order(row) if row else None


def list_orders(session: Session, tenant_id: str, before: str | None, limit: int) -> list[Order]:
    """Return a tenant's orders, the newest first."""
    query = select(OrderRow).where(OrderRow.tenant_id == tenant_id)
    if before is not None:
        query = query.where(OrderRow.id < before)
    rows = session.scalars(query.order_by(OrderRow.id.desc()).limit(limit).execution_options(populate_existing=True))
    return [_order(row) for row in rows]


def take_due(session: Session) -> Order | None:
    """Lock one order that is due to be looked at."""
    due = select(OrderRow).where(OrderRow.look_at <= clock.now()).order_by(OrderRow.look_at).limit(1)
    row = session.scalar(due.with_for_update(skip_locked=True).execution_options(populate_existing=True))
    return _order(row) if row else None


def change(session: Session, order: Order, **values: Any) -> bool:
    """Change an order that still is in the state it was read in; False when it is not."""
    changed = update(OrderRow).where(OrderRow.id == order.id, OrderRow.state == order.state).values(**values)
    return session.scalar(changed.returning(OrderRow.id).execution_options(synchronize_session=False)) is not None


def reserve_day(session: Session, *, pool: str, day: date, cards: int, most: int) -> bool:
    """Add cards to a day unless that passes `most`; concurrent reservations of a day wait for each other here."""
    if cards > most:
        return False
    row = insert(ReservedDayRow).values(pool=pool, day=day, cards=cards)
    fits = ReservedDayRow.cards + cards <= most
    more = row.on_conflict_do_update(index_elements=["pool", "day"], set_={"cards": ReservedDayRow.cards + cards}, where=fits)
    return session.scalar(more.returning(ReservedDayRow.cards)) is not None


def free_day(session: Session, *, pool: str, days: Sequence[date], cards: int) -> None:
    """Give cards of days back."""
    gone = update(ReservedDayRow).where(ReservedDayRow.pool == pool, ReservedDayRow.day.in_(days))
    session.execute(gone.values(cards=ReservedDayRow.cards - cards).execution_options(synchronize_session=False))


def reserved_on(session: Session, pool: str, first: date, last: date) -> dict[date, int]:
    """Return how many cards are reserved on each day that has any."""
    query = select(ReservedDayRow.day, ReservedDayRow.cards).where(ReservedDayRow.pool == pool, ReservedDayRow.day.between(first, last))
    return {row.day: row.cards for row in session.execute(query)}


def put_terms(session: Session, terms: ReservationTerms, changed_by: str) -> None:
    """Set a pool's terms."""
    row = {**asdict(terms), "changed_by": changed_by, "changed_at": clock.now()}
    session.execute(insert(ReservationTermsRow).values(row).on_conflict_do_update(index_elements=["pool"], set_=row))


def all_terms(session: Session) -> list[ReservationTerms]:
    """Return the terms of every pool that can be reserved."""
    rows = session.scalars(select(ReservationTermsRow).order_by(ReservationTermsRow.pool).execution_options(populate_existing=True))
    return [ReservationTerms(row.pool, row.fen_per_card_day, row.share_permille) for row in rows]


def add_payment(session: Session, payment: Payment) -> bool:
    """Write a payment down; False when its reference was recorded before."""
    added = insert(PaymentRow).values(asdict(payment)).on_conflict_do_nothing(index_elements=["reference"])
    return session.scalar(added.returning(PaymentRow.id)) is not None


def get_payment(session: Session, reference: str) -> Payment:
    """Return the payment with a bank reference."""
    return _payment(session.scalars(select(PaymentRow).where(PaymentRow.reference == reference)).one())


def list_payments(session: Session, tenant_id: str | None, before: str | None, limit: int) -> list[Payment]:
    """Return a tenant's payments, or all with None, the newest first."""
    query = select(PaymentRow) if tenant_id is None else select(PaymentRow).where(PaymentRow.tenant_id == tenant_id)
    if before is not None:
        query = query.where(PaymentRow.id < before)
    return [_payment(row) for row in session.scalars(query.order_by(PaymentRow.id.desc()).limit(limit))]


def _order(row: OrderRow) -> Order:
    values = {name: getattr(row, name) for name in Order.__dataclass_fields__}
    return Order(**{**values, "kind": OrderKind(row.kind), "state": OrderState(row.state)})


def _payment(row: PaymentRow) -> Payment:
    values = {name: getattr(row, name) for name in Payment.__dataclass_fields__}
    return Payment(**{**values, "kind": PaymentKind(row.kind)})
