"""The one place where an order changes its state, and where its money moves: cash to unearned, unearned to earned or back."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from wutong.compute.orders import store
from wutong.compute.orders.rules import ORDER_MOVES, Order, OrderStands, OrderState
from wutong.identity import service as identity
from wutong.identity.rules import Principal
from wutong.kit import clock
from wutong.ledger import service as ledger
from wutong.ledger.rules import CENTRE, AccountKey, AccountKind, Transfer

_DEFERRED = AccountKey(CENTRE, AccountKind.DEFERRED)
_REVENUE = AccountKey(CENTRE, AccountKind.REVENUE)


def move(session: Session, who: Principal, order: Order, to: OrderState, **values: Any) -> None:
    """Move an order to another state and write the audit row; raises `OrderStands` for a move that is not allowed."""
    allowed = to in ORDER_MOVES[order.state]
    if not allowed or not store.change(session, order, state=to.value, **values):
        raise OrderStands(id=order.id, state=order.state, wanted=to)
    identity.audit(
        session,
        who,
        f"order.{to}",
        kind="order",
        id=order.id,
        tenant_id=order.tenant_id,
        before={"state": order.state},
        after={"state": to},
    )


def pay(session: Session, order: Order) -> None:
    """Take the price of an order from the tenant's cash; it is unearned at first. Raises `InsufficientFunds`."""
    if order.amount_fen:
        cash = AccountKey(order.tenant_id, AccountKind.CASH)
        ledger.post(session, [_transfer(order, f"order:{order.id}", cash, _DEFERRED, order.amount_fen, order.name, clock.now())])


def pay_back(session: Session, order: Order, *, part: str, amount_fen: int, memo: str) -> None:
    """Give a part of the unearned price back to the tenant's cash; each part once."""
    if amount_fen:
        cash = AccountKey(order.tenant_id, AccountKind.CASH)
        ledger.post(session, [_transfer(order, f"order:{order.id}:{part}", _DEFERRED, cash, amount_fen, memo, clock.now())])


def recognise(session: Session, order: Order, *, to_fen: int) -> None:
    """Bring the earned part of an order's price up to `to_fen` (or down again, when held card time came back unused)."""
    more = to_fen - order.recognised_fen
    if more == 0:
        return
    source, target = (_DEFERRED, _REVENUE) if more > 0 else (_REVENUE, _DEFERRED)
    key = f"order:{order.id}:earned:{order.recognised_fen}-{to_fen}:{int(clock.now().timestamp() * 1000)}"
    ledger.post(session, [_transfer(order, key, source, target, abs(more), order.name, clock.now())])


def _transfer(order: Order, key: str, source: AccountKey, target: AccountKey, amount: int, memo: str, at: datetime) -> Transfer:
    return Transfer(key, source, target, amount, "order", order.id, memo, at)
