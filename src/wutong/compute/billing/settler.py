"""Reads the centre's usage journal after a cursor, charges it, takes back what was our fault, and lets go of holds when a job is settled.

A batch is one transaction with the move of the cursor, so a kill at any moment repeats or skips nothing. When a batch fails it is done again
carefully: each record under a savepoint of its own, and the ones that fail wait in `compute_unrated`.
"""

from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.compute.billing import charge_store, ladder_store, rules, service, store
from wutong.compute.billing.holds import take_back
from wutong.compute.billing.rating import Rater
from wutong.compute.billing.rules import Charge, ChargeKind
from wutong.compute.budgets import service as budgets
from wutong.compute.budgets.rules import SpendPart, month_of
from wutong.kit import clock, cursors
from wutong.kit.database import Database
from wutong.kit.errors import Conflict, Problem
from wutong.kit.ids import new_id
from wutong.kit.log import get_logger

log = get_logger(__name__)

CURSOR = "compute.settler"
BATCH = 200


class Settler:
    """The loop that turns usage into charges. Wake it by `centre_usage` and `compute_billing`."""

    def __init__(self, database: Database, *, batch: int = BATCH) -> None:
        self._database = database
        self._batch = batch
        self._position: int | None = None

    def step(self) -> bool:
        """Rate one batch of new usage and one of records that waited, then draw the consequences of ends; says whether there was work."""
        worked, due = self._journal()
        worked = (due.unrated and self._waiting()) or worked
        worked = (due.ends and self._ends()) or worked
        return (due.closes and self._closes()) or worked

    def _journal(self) -> tuple[bool, store.Due]:
        try:
            return self._read(careful=False)
        except OperationalError:
            raise
        except (Problem, SQLAlchemyError, ArithmeticError, ValueError) as error:
            if type(error) is Conflict:
                self._position = None
                return False, store.Due()
            log.warning("usage batch failed, rating one by one", error=repr(error))
        return self._read(careful=True)

    def _read(self, *, careful: bool) -> tuple[bool, store.Due]:
        with self._database.session() as session:
            position = cursors.read(session, CURSOR) if self._position is None else self._position
            usages = centre.usage_after(session, position, self._batch)
            if usages:
                cursors.advance(session, CURSOR, before=position, after=usages[-1].seq)
                Rater(session, usages).run(careful=careful)
            due = store.due(session)
        self._position = usages[-1].seq if usages else position
        return bool(usages), due

    def _waiting(self) -> bool:
        with self._database.session() as session:
            usages = charge_store.take_due(session, self._batch)
            if usages:
                rater = Rater(session, usages)
                rater.run(careful=True)
                charge_store.drop_rated(session, rater.rated)
        return bool(usages)

    def _ends(self) -> bool:
        """Take back what was our fault: whole attempts, and single starts of attempts that went on."""
        with self._database.session() as session:
            ends = store.due_ends(session, self._batch)
            starts = store.due_start_faults(session, self._batch)
            runs = store.lock_runs(session, {*(end.run_name for end in ends), *(start.run_name for start in starts)})
            for end in ends:
                run = runs[end.run_name]
                run.row.fault = run.row.fault or end.our_fault
                if not end.our_fault or self._take_back(session, run, end.reason):
                    end.done_at = clock.now()
            for start in starts:
                if self._take_back(session, runs[start.run_name], start.reason, restart=start.restart):
                    start.done_at = clock.now()
        return bool(ends or starts)

    def _take_back(self, session: Session, run: store.LockedRun, reason: str, *, restart: int | None = None) -> bool:
        """Reverse the charges of an attempt, or of one of its starts, some at a time; True when none is left."""
        charges = charge_store.unreversed(session, run.row.run_name, self._batch, restart=restart)
        for charge in charges:
            take_back(session, charge, reason=f"The centre was at fault ({reason}).")
        run.meter = rules.forgive(run.meter, charges)
        session.flush()
        charge_store.add_charges(session, [_reversal(charge, reason) for charge in charges])
        budgets.add_spend(session, [_minus(charge) for charge in charges])
        ladder_store.make_due(session, {(charge.tenant_id, charge.person_id) for charge in charges})
        return len(charges) < self._batch

    def _closes(self) -> bool:
        with self._database.session() as session:
            closes = store.due_closes(session, self._batch)
            waiting = store.unfinished(session, [close.job_id for close in closes], rules.FINAL_WAIT) if closes else set()
            for close in closes:
                if close.job_id in waiting:
                    close.look_at = clock.now() + rules.look_again(clock.now() - close.at)
            session.flush()
            ready = [close.job_id for close in closes if close.job_id not in waiting]
            if ready:
                service.settle(session, ready)
        return bool(ready)


def _reversal(charge: Charge, reason: str) -> Charge:
    changed = {
        "id": new_id("charge"),
        "kind": ChargeKind.REVERSAL,
        "usage_seq": None,
        "card_ms": -charge.card_ms,
        "money_ms": -charge.money_ms,
        "package_seconds": -charge.package_seconds,
        "units": -charge.units,
        "amount_fen": -charge.amount_fen,
        "transfer_key": rules.reversal_key(charge.transfer_key or charge.id),
        "reverses": charge.id,
        "month": month_of(clock.now()),
        "at": clock.now(),
        "reason": reason,
    }
    return rules.copy_charge(charge, changed)


def _minus(charge: Charge) -> SpendPart:
    month = month_of(clock.now())
    return SpendPart(charge.tenant_id, charge.person_id, month, -charge.amount_fen, -charge.package_seconds, -charge.card_ms)
