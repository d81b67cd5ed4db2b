"""Random usage journals against a trivially correct model: what is charged is the whole fen of the exact sum, whatever happens on the way."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from tests.compute import money as world
from tests.tables import empty

from wutong.centre.engines.protocol import EndReason
from wutong.compute.billing import service as billing
from wutong.compute.billing.rules import ChargeKind, package_unit
from wutong.compute.billing.settler import Settler
from wutong.compute.catalogue import service as catalogue
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.loops import drain
from wutong.ledger import service as ledger
from wutong.ledger.rules import CENTRE, AccountKey, AccountKind, InsufficientFunds, Terms

JOBS = ("job_a", "job_b", "job_c")
TENANTS = {"job_a": "ten_a", "job_b": "ten_b", "job_c": "ten_a"}


class Killed(Exception):
    """Stands for kill -9 before a commit."""


class Mortal:
    """A database whose n-th next transaction dies at its commit."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.dies_in = -1

    @contextmanager
    def session(self) -> Iterator:
        with self.database.session() as session:
            yield session
            self.dies_in -= 1
            if self.dies_in == 0:
                raise Killed


class Settling(RuleBasedStateMachine):
    database: Database

    @initialize(cash=st.sampled_from([0, 700, 10**7]), package_s=st.sampled_from([0, 0, 90, 10**6]))
    def begin(self, cash: int, package_s: int) -> None:
        empty(self.database)
        self.clock = clock.FakeClock()
        self.block = ExitStack()
        self.block.enter_context(clock.use(self.clock))
        self.origin = self.clock.now()
        self.prices = [(self.origin, 777)]
        self.totals: dict[str, dict[tuple[int, int], int]] = {}
        self.faults: set[str] = set()
        self.lost_starts: set[tuple[str, int]] = set()
        self.late: dict[str, dict[tuple[int, int], int]] = {}
        self.attempts: dict[str, int] = {}
        self.created: dict[str, datetime] = {}
        self.closed: set[str] = set()
        self.ended: set[str] = set()
        self.journal: set[tuple] = set()
        self.packaged = package_s > 0
        self.mortal = Mortal(self.database)
        self.settler = Settler(self.mortal, batch=7)
        with self.database.session() as session:
            world.add_centre(session, fen_per_card_hour=777)
            world.top_up(session, 10**7, "ten_b")
            if cash:
                world.top_up(session, cash)
            if package_s:
                self.give_package(session, package_s)

    def give_package(self, session, seconds: int) -> None:
        unit = package_unit("npu910")
        payer = AccountKey(CENTRE, AccountKind.ISSUE, unit)
        terms = Terms(self.origin, self.origin + timedelta(days=30))
        ledger.grant_credit(session, tenant_id="ten_a", payer=payer, amount=seconds, unit=unit, terms=terms, key="package", label="Package")

    def teardown(self) -> None:
        if hasattr(self, "block"):
            with self.block:
                self.check_all()

    def open_runs(self) -> list[str]:
        return sorted(run for run in self.totals if run not in self.ended)

    @rule(job=st.sampled_from(JOBS), limit_s=st.sampled_from([60, 3600]))
    def submit_or_try_again(self, job: str, limit_s: int) -> None:
        if job in self.closed or any(run.startswith(f"w-{job}-") for run in self.open_runs()):
            return
        number = self.attempts.get(job, 0) + 1
        run = f"w-{job}-{number}"
        try:
            with self.database.session() as session:
                world.start(session, job, number, tenant_id=TENANTS[job], limit_s=limit_s)
        except InsufficientFunds:
            return
        self.created.setdefault(job, clock.now())
        self.attempts[job] = number
        self.totals[run] = self.late.pop(run, {})

    @rule(job=st.sampled_from(JOBS))
    def usage_comes_before_its_job_is_known(self, job: str) -> None:
        run = f"w-{job}-{self.attempts.get(job, 0) + 1}"
        if job not in self.closed and not any(other.startswith(f"w-{job}-") for other in self.open_runs()):
            self.append(run, self.late.setdefault(run, {}), 0, 0, 30_001, final=False)

    def append(self, run: str, totals: dict, restart: int, window: int, ms: int, *, final: bool, fault: str = "") -> None:
        if (run, restart, window, ms, final) in self.journal:
            return
        self.journal.add((run, restart, window, ms, final))
        with self.database.session() as session:
            world.use(session, run, self.origin + world.minutes(window), ms, restart=restart, final=final, fault=fault)
        if fault:
            self.lost_starts.add((run, restart))
        totals[restart, window] = max(totals.get((restart, window), 0), ms)

    @precondition(lambda self: self.totals)
    @rule(data=st.data(), restart=st.integers(0, 1), window=st.integers(0, 8), ms=st.integers(1, 60_000), final=st.booleans(), lost=st.booleans())
    def engine_reports(self, data, restart: int, window: int, ms: int, final: bool, lost: bool) -> None:
        """New windows, growth, smaller totals that come late, usage after the end: all the same to us."""
        run = data.draw(st.sampled_from(sorted(self.totals)))
        begins = self.origin + world.minutes(window)
        self.clock.advance(max((begins - clock.now()).total_seconds(), 0))  # nothing is used before its time, at a price that may change until then
        self.append(run, self.totals[run], restart, window, ms, final=final, fault=EndReason.NODE_LOST if final and lost else "")

    @rule(steps=st.integers(1, 4))
    def settle_a_little(self, steps: int) -> None:
        for _ in range(steps):
            self.settler.step()

    @rule(dies_in=st.integers(1, 6))
    def killed_while_settling(self, dies_in: int) -> None:
        self.mortal.dies_in = dies_in
        try:
            for _ in range(3):
                self.settler.step()
        except Killed:
            self.settler = Settler(self.mortal, batch=7)
        self.mortal.dies_in = -1

    @rule(price=st.integers(0, 5000), seconds=st.integers(1, 200))
    def price_changes(self, price: int, seconds: int) -> None:
        self.clock.advance(seconds)
        with self.database.session() as session:
            catalogue.set_price(session, world.OPERATOR, "npu.1", price)
        self.prices.append((clock.now(), price))

    @precondition(lambda self: self.open_runs())
    @rule(data=st.data(), ours=st.booleans())
    def attempt_ends(self, data, ours: bool) -> None:
        run = data.draw(st.sampled_from(self.open_runs()))
        with self.database.session() as session:
            billing.attempt_ended(session, run, reason=EndReason.NODE_LOST if ours else EndReason.FAILED, our_fault=ours)
        self.ended.add(run)
        if ours:
            self.faults.add(run)

    @rule(job=st.sampled_from(JOBS))
    def job_closes(self, job: str) -> None:
        if job in self.attempts and not any(run.startswith(f"w-{job}-") for run in self.open_runs()):
            with self.database.session() as session:
                billing.close_job(session, job)
            self.closed.add(job)

    def price_of(self, job: str, window: int) -> int:
        """A window that began before its job was there has the price of that moment, or of the window's end."""
        begins = self.origin + world.minutes(window)
        at = max(begins, min(self.created[job], begins + world.minutes(1)))
        return [price for begins, price in self.prices if begins <= at][-1]

    def check_all(self) -> None:
        self.clock.advance(4000)
        drain(self.settler.step)
        drain(self.settler.step)
        for run in self.totals:
            self.check_run(run)
        with self.database.session() as session:
            report = ledger.check(session)
            assert report.problems == []
            held = {tenant: ledger.balance(session, tenant).held_fen for tenant in ("ten_a", "ten_b")}
            if set(self.attempts) <= self.closed:
                assert held == {"ten_a": 0, "ten_b": 0}
            charged = sum(cost.amount_fen for cost in billing.job_money(session, list(self.attempts)).values())
            assert ledger.account_balance(session, AccountKey(CENTRE, AccountKind.REVENUE)) == charged

    def check_run(self, run: str) -> None:
        job = run.split("-")[1]
        totals = self.totals[run]
        with self.database.session() as session:
            lines = [line for line in billing.bill_lines(session, world.member(TENANTS[job]), job).items if line.run_name == run]
        facts = [line for line in lines if line.kind is not ChargeKind.REVERSAL]
        assert sum(line.card_ms for line in facts) == sum(totals.values())
        fen = sum(line.amount_fen for line in lines)
        if run in self.faults:
            assert (fen, sum(line.package_seconds for line in lines)) == (0, 0)
            return
        lost = {restart for name, restart in self.lost_starts if name == run}
        assert sum(line.amount_fen + line.package_seconds for line in lines if line.restart in lost) == 0
        if lost:
            if not self.packaged:
                owed = sum(self.price_of(job, window) * ms for (restart, window), ms in totals.items() if restart not in lost) / 3_600_000
                assert owed - 1 - len(lost) < fen < owed + 1 + len(lost)
            return
        assert fen == sum(line.units for line in lines) // 3_600_000
        if self.packaged and TENANTS[job] == "ten_a":
            carried = sum(line.card_ms - line.money_ms - 1000 * line.package_seconds for line in lines)
            assert 0 <= carried < 1000
        else:
            assert fen == sum(self.price_of(job, window) * ms for (_, window), ms in totals.items()) // 3_600_000


@pytest.mark.timeout(900)
def test_random_journals_are_charged_exactly(database: Database) -> None:
    machine = type("Settling", (Settling,), {"database": database})
    run_state_machine_as_test(machine, settings=settings(max_examples=max(settings.default.max_examples // 2, 5)))
