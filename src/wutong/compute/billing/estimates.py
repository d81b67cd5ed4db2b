"""What a job would cost, before it is submitted: at most, typically, what would be held, and who would pay."""

from typing import Protocol

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import Impossible
from wutong.compute.billing import rules, store
from wutong.compute.billing.holds import purpose_of
from wutong.compute.billing.rules import HOLD_SECONDS, CannotAfford, Estimate, Sources
from wutong.compute.budgets import service as budgets
from wutong.compute.budgets.rules import refusal
from wutong.compute.catalogue import service as catalogue
from wutong.compute.catalogue.rules import cost_fen
from wutong.identity.rules import Permission, Principal, require_tenant
from wutong.kit import clock
from wutong.kit.errors import Problem
from wutong.kit.money import format_fen
from wutong.ledger import service as ledger
from wutong.ledger.rules import Balance, Purpose


class Wanted(Protocol):
    """What of a job's request decides its cost."""

    @property
    def flavour(self) -> str:
        """Name of the flavour."""

    @property
    def nodes(self) -> int:
        """How many nodes of it."""

    @property
    def time_limit_s(self) -> int:
        """Longest time one attempt may run, in seconds."""


def estimate(session: Session, who: Principal, wanted: Wanted, *, count: int = 1, hold_s: int = HOLD_SECONDS) -> Estimate:
    """Estimate the cost of a job (or of an array of `count`) for its whole time limit. Raises `NoPrice` and the flavour's `NotFound`."""
    tenant_id = require_tenant(who, Permission.MONEY_READ)
    flavour = centre.get_flavour(session, wanted.flavour)
    now = clock.now()
    price = catalogue.price_at(session, flavour.name, now)
    cards = flavour.cards * wanted.nodes * count
    card_seconds = cards * wanted.time_limit_s
    purpose = purpose_of(flavour.name, flavour.pool)
    free_s = ledger.available(session, tenant_id, rules.package_unit(flavour.accelerator), purpose)
    package_s, money_fen = rules.split_hold(card_seconds * 1000, price.fen_per_card_hour, free_s)
    hold_s_package, hold_fen = rules.split_hold(min(wanted.time_limit_s, hold_s) * cards * 1000, price.fen_per_card_hour, free_s)
    credit_fen = _from_credits(ledger.balance(session, tenant_id), purpose, money_fen)
    past = sorted(store.recent_card_ms(session, tenant_id, flavour.name))
    typical_ms = past[len(past) // 2] if past else None
    advice = centre.maintenance_advice(session, flavour, nodes=wanted.nodes, time_limit_s=wanted.time_limit_s)
    return Estimate(
        card_seconds=card_seconds,
        amount_fen=money_fen,
        hold_fen=hold_fen,
        hold_package_seconds=hold_s_package,
        sources=Sources(package_s, credit_fen, money_fen - credit_fen),
        price=price,
        typical_card_seconds=None if typical_ms is None else typical_ms * count // 1000,
        typical_fen=None if typical_ms is None else cost_fen(price.fen_per_card_hour, max(typical_ms * count - free_s * 1000, 0)),
        refusals=_refusals(session, who, wanted, tenant_id, hold_fen, purpose),
        notices=() if advice is None else (advice,),
        wait=centre.expected_wait(session, flavour, nodes=wanted.nodes, time_limit_s=wanted.time_limit_s),
    )


def _refusals(session: Session, who: Principal, wanted: Wanted, tenant_id: str, hold_fen: int, purpose: Purpose) -> tuple[Problem, ...]:
    found: list[Problem] = []
    try:
        centre.check_possible(session, flavour=wanted.flavour, nodes=wanted.nodes, time_limit_s=wanted.time_limit_s)
    except Impossible as error:
        found.append(error)
    over = refusal(budgets.budgets_over(session, tenant_id=tenant_id, person_id=who.person_id, at=clock.now()), hold_fen)
    if over is not None:
        found.append(over)
    free = ledger.available(session, tenant_id, "fen", purpose)
    if free < hold_fen:
        needs = {"needed": format_fen(hold_fen), "available": format_fen(free), "missing": format_fen(hold_fen - free)}
        found.append(CannotAfford(**needs))
    return tuple(found)


def _from_credits(balance: Balance, purpose: Purpose, need_fen: int) -> int:
    """Return what restricted credits would pay of an amount, each at most its share."""
    now, left = clock.now(), need_fen
    for credit in sorted(balance.credits, key=lambda credit: credit.valid_until):
        if credit.unit == "fen" and credit.terms.covers(purpose, now):
            left -= min(left, credit.remaining, need_fen * credit.share_permille // 1000)
    return need_fen - left
