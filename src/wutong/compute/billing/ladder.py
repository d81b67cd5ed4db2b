"""The warning ladder: extends holds before they run dry, warns at 80, 90 and 100 percent, and winds up what nobody can pay for.

Each job and each tenant is looked at in a transaction of its own, so that no two balances are ever locked together here.
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import RunPhase, StopWhy
from wutong.compute.billing import holds, ladder_store, rules, store
from wutong.compute.billing.ladder_rules import BalanceMark, Notice, NoticeKind, Stage, Step, balance_step, decide
from wutong.compute.billing.tables import BilledJobRow, LadderRow
from wutong.compute.budgets import service as budgets
from wutong.compute.budgets.rules import EVERYBODY, level_reached
from wutong.compute.catalogue import service as catalogue
from wutong.compute.catalogue.rules import NoPrice
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.ids import new_id
from wutong.ledger import service as ledger

BATCH = 50


class Ladder:
    """The loop. `grace` is how long a job may run on, after its checkpoint signal, when nothing is left to pay it with."""

    def __init__(self, database: Database, *, grace: timedelta = timedelta(minutes=10)) -> None:
        self._database = database
        self._grace = grace

    def step(self) -> bool:
        """Look at whoever is due; says whether anybody was."""
        worked = False
        for look in (self._scope, self._job):
            for _ in range(BATCH):
                with self._database.session() as session:
                    found = look(session)
                if not found:
                    break
                worked = True
        return worked

    def _scope(self, session: Session) -> bool:
        row = ladder_store.take_due_scope(session)
        if row is None:
            return False
        row.due_at = None
        if row.person_id == EVERYBODY:
            _watch_balance(session, row)
        _watch_budget(session, row.tenant_id, row.person_id)
        return True

    def _job(self, session: Session) -> bool:
        row = ladder_store.take_due_job(session)
        if row is None:
            return False
        run = store.open_run_of(session, row.job_id)
        running = centre.find_run(session, run) if run else None
        if row.settled_at is not None or running is None or running.phase != RunPhase.RUNNING:
            row.look_at = None
            return True
        now = clock.now()
        blocked = any(budget.exhausted for budget in budgets.budgets_over(session, tenant_id=row.tenant_id, person_id=row.person_id, at=now))
        extended = not blocked and _extend(session, row, now)
        step = decide(
            now=now,
            stage=Stage(row.stage),
            stop_at=row.stop_at,
            covered_until=row.covered_until,
            extended=extended,
            blocked=blocked,
            grace=self._grace,
            half=timedelta(seconds=row.hold_s / 2),
        )
        _act(session, row, running.name, step)
        return True


def _act(session: Session, row: BilledJobRow, run: str, step: Step) -> None:
    if step.signal:
        _notice(session, row.tenant_id, row.person_id, NoticeKind.GRACE, 100, run, 0, job_id=row.job_id)
        if row.checkpoint_signal:
            centre.request_signal(session, run, row.checkpoint_signal)
    if step.stop:
        _notice(session, row.tenant_id, row.person_id, NoticeKind.STOPPED, 100, run, 0, job_id=row.job_id)
        centre.request_stop(session, run, why=StopWhy.MONEY)
    row.stage, row.look_at, row.stop_at = step.stage.value, step.look_at, step.stop_at


def _extend(session: Session, row: BilledJobRow, now: datetime) -> bool:
    """Bring the holds of a running job up to a whole `hold_s` again; False when part of it was refused. Sets until when it is covered."""
    try:
        price = catalogue.price_at(session, row.flavour, now).fen_per_card_hour
    except NoPrice:
        return True
    left_ms = max(row.time_limit_s * 1000 - store.card_ms_of_last_run(session, row.job_id) // row.cards, 0)
    want_ms = min(row.hold_s * 1000, left_ms)
    whole = holds.extend(session, row, card_ms=want_ms * row.cards, fen_per_card_hour=price)
    lasts = rules.covered_ms(held_fen=row.held_fen, held_package_s=row.held_package_s, fen_per_card_hour=price, cards=row.cards)
    if lasts is None or lasts >= left_ms:
        row.covered_until = None
    else:
        row.covered_until = max(row.covered_until or now, now) if lasts == 0 else now + timedelta(milliseconds=lasts)
    return whole


def _watch_balance(session: Session, row: LadderRow) -> None:
    balance = ledger.balance(session, row.tenant_id)
    credits_fen = sum(credit.remaining for credit in balance.credits if credit.unit == "fen")
    total = balance.cash_fen + balance.held_fen + credits_fen - balance.debt_fen
    before = BalanceMark(row.base_fen, row.period, row.level)
    after = balance_step(before, total)
    row.base_fen, row.period, row.level = after.base_fen, after.period, after.level
    if after.level > (before.level if after.period == before.period else 0):
        _notice(session, row.tenant_id, EVERYBODY, NoticeKind.BALANCE, after.level, str(after.period), total)


def _watch_budget(session: Session, tenant_id: str, person_id: str) -> None:
    wanted = person_id or None
    now = clock.now()
    for budget in budgets.budgets_over(session, tenant_id=tenant_id, person_id=person_id, at=now):
        level = level_reached(budget.percent)
        if budget.person_id != wanted or not level:
            continue
        left = budget.limit_fen - budget.spent_fen
        _notice(session, tenant_id, person_id, NoticeKind.BUDGET, level, f"{budget.month}/{budget.limit_fen}", left)
        if budget.exhausted:
            ladder_store.look_at_jobs_of(session, tenant_id, person_id, now)


def _notice(
    session: Session, tenant_id: str, person_id: str, kind: NoticeKind, level: int, period: str, left_fen: int, *, job_id: str | None = None
) -> None:
    notice = Notice(new_id("notice"), tenant_id, person_id or None, kind, level, period, job_id, left_fen, clock.now())
    ladder_store.add_notice(session, notice)
