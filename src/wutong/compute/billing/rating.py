"""Rates a batch of usage records inside the settler's transaction: new part of each window, price of its time, packages, money, charge.

Nothing is written until a record is paid for, so that a record that fails leaves its attempt's meter as it was.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from wutong.centre.rules import Usage
from wutong.compute.billing import charge_store, ladder_store, rules, store
from wutong.compute.billing.holds import capture, charge_of
from wutong.compute.billing.ladder_rules import Stage
from wutong.compute.billing.rules import Charge, ChargeKind, Unrated
from wutong.compute.billing.store import LockedRun
from wutong.compute.budgets import service as budgets
from wutong.compute.budgets.rules import SpendPart, month_of
from wutong.compute.catalogue import service as catalogue
from wutong.compute.catalogue.rules import Price, price_in_force
from wutong.kit import clock
from wutong.kit.errors import Problem
from wutong.kit.ids import new_id
from wutong.kit.log import get_logger
from wutong.ledger import service as ledger

log = get_logger(__name__)


class Rater:
    """One batch: what it needs is read at once, charges are collected, and `write` puts them down."""

    def __init__(self, session: Session, usages: Sequence[Usage]) -> None:
        self._session = session
        self._usages = usages
        self._runs = store.lock_runs(session, {usage.run_name for usage in usages})
        self._faults = store.start_faults(session, self._runs)
        self._fresh: dict[tuple[str, int], str] = {}
        self._rated = charge_store.rated_windows(session, {usage.window for usage in usages})
        self._prices = catalogue.price_versions(session, {run.job.flavour for run in self._runs.values()})
        self._charges: list[Charge] = []
        self._spent: list[SpendPart] = []
        self._posts: list[tuple[LockedRun, ledger.Usage]] = []
        self._used: dict[str, tuple[LockedRun, Usage, Price]] = {}
        self.rated: list[int] = []

    def run(self, *, careful: bool) -> None:
        """Rate the batch by tenant, so that every writer takes balances in one order; `careful` sets aside a record that fails."""
        for usage in sorted(self._usages, key=self._order):
            aside = self._guarded(usage) if careful else self._rate(usage, together=True)
            if aside is None:
                self.rated.append(usage.seq)
            else:
                charge_store.set_aside(self._session, usage, *aside)
        self._write()

    def _order(self, usage: Usage) -> tuple[str, int]:
        run = self._runs.get(usage.run_name)
        return run.job.tenant_id if run else "", usage.seq

    def _guarded(self, usage: Usage) -> tuple[Unrated, str] | None:
        try:
            with self._session.begin_nested():
                return self._rate(usage)
        except OperationalError:
            raise
        except (Problem, DBAPIError, ArithmeticError, ValueError) as error:
            log.warning("usage set aside", usage=usage.seq, run=usage.run_name, error=repr(error))
            return Unrated.REFUSED, str(error)

    def _rate(self, usage: Usage, *, together: bool = False) -> tuple[Unrated, str] | None:
        run = self._runs.get(usage.run_name)
        if run is None:
            return Unrated.UNKNOWN_RUN, "No job of this centre has this attempt."
        if usage.fault and (usage.run_name, usage.restart) not in self._faults:
            self._faults[usage.run_name, usage.restart] = self._fresh[usage.run_name, usage.restart] = usage.fault
        before = self._rated.get(usage.window, 0)
        if usage.card_seconds_ms > before:
            # A first window begins before its job does, and a price may have changed, or begun, between the two.
            used_from = max(usage.window_start, min(run.job.created_at, usage.window_start + timedelta(minutes=1)))
            price = price_in_force(self._prices[run.job.flavour], used_from)
            if price is None and not self._fault(run, usage):
                return Unrated.NO_PRICE, f"The flavour {run.job.flavour} had no price at {used_from.isoformat()}."
            self._charge(run, usage, before, price, together=together)
        if usage.final:
            run.row.final_restart = max(run.row.final_restart, usage.restart)
        return None

    def _charge(self, run: LockedRun, usage: Usage, before: int, price: Price | None, *, together: bool) -> None:
        card_ms = usage.card_seconds_ms - before
        fault = self._fault(run, usage)
        if fault or price is None:
            run.meter = rules.waive(run.meter, card_ms)
            self._note(run, usage, before, rules.Rated(run.meter, 0, 0, 0, 0), None, fault)
            return
        rated = rules.rate(run.meter, card_ms, price.fen_per_card_hour, run.job.held_package_s)
        key = rules.usage_key(usage.run_name, usage.restart, usage.window_start, usage.card_seconds_ms)
        post = charge_of(run.job, key=key, amount_fen=rated.amount_fen, at=usage.window_start) if together and not rated.package_seconds else None
        if post is not None:
            self._posts.append((run, post))
            run.job.held_fen -= post.amount
        else:
            capture(self._session, run.job, key=key, package_seconds=rated.package_seconds, amount_fen=rated.amount_fen, at=usage.window_start)
        run.meter = rated.meter
        self._note(run, usage, before, rated, price)
        self._used[usage.run_name] = run, usage, price

    def _fault(self, run: LockedRun, usage: Usage) -> str:
        """Return why nobody pays for the start that a record is of, or for its whole attempt; nothing where somebody does."""
        if run.row.fault:
            return store.end_reason(self._session, usage.run_name)
        return self._faults.get((usage.run_name, usage.restart), "")

    def _note(self, run: LockedRun, usage: Usage, before: int, rated: rules.Rated, price: Price | None, reason: str = "") -> None:
        job, month = run.job, month_of(usage.window_start)
        card_ms = usage.card_seconds_ms - before
        paid = rated.package_seconds or rated.amount_fen
        self._rated[usage.window] = usage.card_seconds_ms
        self._charges.append(
            Charge(
                id=new_id("charge"),
                seq=0,
                kind=ChargeKind.USAGE if price else ChargeKind.WAIVED,
                tenant_id=job.tenant_id,
                person_id=job.person_id,
                job_id=job.job_id,
                run_name=usage.run_name,
                restart=usage.restart,
                window_start=usage.window_start,
                usage_seq=usage.seq,
                from_card_ms=before,
                to_card_ms=usage.card_seconds_ms,
                card_ms=card_ms,
                money_ms=rated.money_ms,
                package_seconds=rated.package_seconds,
                price_id=price.id if price else None,
                fen_per_card_hour=price.fen_per_card_hour if price else 0,
                units=rated.units,
                amount_fen=rated.amount_fen,
                transfer_key=rules.usage_key(usage.run_name, usage.restart, usage.window_start, usage.card_seconds_ms) if paid else None,
                reverses=None,
                month=month,
                at=clock.now(),
                reason=reason,
            )
        )
        self._spent.append(SpendPart(job.tenant_id, job.person_id, month, rated.amount_fen, rated.package_seconds, card_ms))

    def _cover(self, run: LockedRun, usage: Usage, price: Price) -> None:
        """Work out when the holds run dry, and when the ladder should look: not at all when they last to the time limit."""
        job = run.job
        if job.settled_at is not None or job.stage == Stage.STOPPING.value:
            return
        lasts = rules.covered_ms(held_fen=job.held_fen, held_package_s=job.held_package_s, fen_per_card_hour=price.fen_per_card_hour, cards=job.cards)
        left_ms = job.time_limit_s * 1000 - run.row.card_ms // job.cards
        until = usage.window_start + timedelta(milliseconds=usage.seconds_ms)
        if usage.final or lasts is None or lasts >= left_ms:
            job.covered_until = None
            job.look_at = job.look_at if job.stage == Stage.GRACE.value and not usage.final else None
        else:
            job.covered_until = until + timedelta(milliseconds=lasts)
            job.look_at = min(job.covered_until - timedelta(seconds=job.hold_s / 2), job.look_at or job.covered_until)

    def _post(self) -> None:
        """Charge what was collected in one go. A hold that had less than we thought makes up for it out of cash, as `capture` does."""
        paid = ledger.capture_many(self._session, [post for _, post in self._posts])
        for (run, post), captured in zip(self._posts, paid, strict=True):
            run.job.held_fen = max(run.job.held_fen + post.amount - captured.from_hold, 0)

    def _write(self) -> None:
        self._post()
        for run, usage, price in self._used.values():
            self._cover(run, usage, price)
        self._session.flush()
        store.add_start_faults(self._session, self._fresh)
        charge_store.add_charges(self._session, self._charges)
        budgets.add_spend(self._session, self._spent)
        paid = {(part.tenant_id, part.person_id) for part in self._spent if part.amount_fen}
        ladder_store.make_due(self._session, paid)
