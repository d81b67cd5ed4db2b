"""Keeps orders going as time passes: gives each reserved day its card time, counts what is earned, ends what is over, expires credits.

One order a transaction. A reserved day that went by while nothing of ours ran is paid back.
"""

from datetime import date

from sqlalchemy.orm import Session

from wutong.compute.billing.rules import package_unit
from wutong.compute.orders import moves, rules, store
from wutong.compute.orders.rules import Order, OrderKind, OrderState
from wutong.identity.rules import system_principal
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.money import share
from wutong.ledger import service as ledger
from wutong.ledger.rules import CENTRE, AccountKey, AccountKind, Terms

WHO = system_principal("orders.keeper")
BATCH = 50


class Keeper:
    """The loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def step(self) -> bool:
        """Look at the orders that are due; says whether there was any, or any credit to expire."""
        with self._database.session() as session:
            worked = ledger.expire_credits(session) > 0
        for _ in range(BATCH):
            with self._database.session() as session:
                order = store.take_due(session)
                if order is None:
                    break
                _look(session, order)
                worked = True
        return worked


def _look(session: Session, order: Order) -> None:
    if order.state is OrderState.BOOKED:
        moves.move(session, WHO, order, OrderState.ACTIVE)
        order = store.find_order(session, order.id, lock=True) or order
    if order.kind is OrderKind.RESERVATION:
        _reservation(session, order)
    else:
        _package(session, order)


def _package(session: Session, order: Order) -> None:
    now = clock.now()
    if now >= order.valid_until:
        moves.recognise(session, order, to_fen=order.amount_fen)
        moves.move(session, WHO, order, OrderState.ENDED, recognised_fen=order.amount_fen, look_at=None, ended_at=now)
        return
    left = next((credit.remaining for credit in ledger.balance(session, order.tenant_id).credits if credit.id == order.credit_id), 0)
    earned = rules.earned(order.amount_fen, order.card_seconds - left, order.card_seconds)
    moves.recognise(session, order, to_fen=earned)
    store.change(session, order, recognised_fen=earned, look_at=min(now + rules.PACKAGE_LOOK, order.valid_until))


def _reservation(session: Session, order: Order) -> None:
    """Bring a reservation up to today: past days earned or paid back, today's card time given."""
    now = clock.now()
    prices = share(order.amount_fen, [1] * len(order.days))
    settled = 0
    for day, price in zip(order.days, prices, strict=True):
        begins, ends = rules.day_bounds(day)
        if now < begins:
            break
        settled += price
        if settled <= order.recognised_fen and price:
            continue
        if now < ends:
            _give_day(session, order, day)
            moves.recognise(session, order, to_fen=settled)
        else:
            moves.pay_back(session, order, part=f"{day.isoformat()}:missed", amount_fen=price, memo=f"Not given on {day.isoformat()}: {order.name}")
        store.change(session, order, recognised_fen=settled)
        order = store.find_order(session, order.id) or order
    if now >= order.valid_until:
        moves.move(session, WHO, order, OrderState.ENDED, look_at=None, ended_at=now)
    else:
        store.change(session, order, look_at=rules.day_bounds(rules.today(now))[1])


def _give_day(session: Session, order: Order, day: date) -> None:
    begins, ends = rules.day_bounds(day)
    unit = package_unit(order.accelerator)
    ledger.grant_credit(
        session,
        tenant_id=order.tenant_id,
        payer=AccountKey(CENTRE, AccountKind.ISSUE, unit),
        amount=order.cards * rules.DAY_SECONDS,
        unit=unit,
        terms=Terms(valid_from=begins, valid_until=ends, pools=(order.pool or "",)),
        key=f"order:{order.id}:{day.isoformat()}",
        label=f"{order.name} on {day.isoformat()}",
    )
